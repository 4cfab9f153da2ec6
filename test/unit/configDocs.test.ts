import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { generatedFiles } from "../../config/jsonSchema";
import { preflightConflicts, preflightFindings } from "../../config/preflight";
import { readClusterFile } from "../../config/read";
import type { JsonSchema } from "../../config/reference";
import { clusterFile } from "../../config/schema";

const root = join(__dirname, "..", "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

describe("what is written about the cluster file", () => {
  for (const { path, content } of generatedFiles()) {
    it(`${path.slice(root.length + 1)} is what the schema says (make schema)`, () => {
      assert.equal(readFileSync(path, "utf8"), content);
    });
  }

  it("describes every field", () => {
    const undescribed = (schema: JsonSchema, path: string): string[] => [
      ...(schema.description === undefined ? [path] : []),
      ...Object.entries(schema.properties ?? {}).flatMap(([key, field]) =>
        undescribed(field, `${path}.${key}`),
      ),
      ...(schema.items?.properties ? undescribed(schema.items, `${path}[]`) : []),
      ...(schema.additionalProperties ? undescribed(schema.additionalProperties, `${path}.*`) : []),
    ];
    const schema = z.toJSONSchema(clusterFile, { io: "input" }) as JsonSchema;
    assert.deepEqual(undescribed(schema, "file"), []);
  });

  it("knows the findings that an examination may have", () => {
    const scripts = ["preflight/preflight", "lib/guards-lib", "lib/leftovers-lib"]
      .map((name) => read(`steps/${name}.sh`))
      .join("");
    const called = (texts: string, call: RegExp) =>
      [...new Set([...texts.matchAll(call)].map(([, name = ""]) => name))].sort();
    const programs = read("components/identities.ts") + read("commands/preflight.ts");
    const findings = [
      ...called(scripts, /\bfinding ([a-z0-9-]+) "/g),
      ...called(programs, /\b(?:finding|name): "([a-z0-9-]+)"/g),
    ];
    const others = ["preflight"];
    assert.deepEqual([...new Set(findings)].filter((name) => !others.includes(name)).sort(), [
      ...preflightFindings,
    ]);
    assert.deepEqual(called(scripts, /\bconflict ([a-z0-9-]+) "/g), [...preflightConflicts]);
  });

  it("has samples with nothing wrong but what each site has to add", () => {
    const missing = /artifacts\.sha256\..*\bis missing|cluster\.ssh.*\bkey\b|is no file/;
    for (const sample of ["docs/examples/production.yaml", "lab/cluster.yaml"]) {
      const { issues } = readClusterFile(join(root, sample));
      const lines = issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
      const isLab = sample.startsWith("lab/");
      assert.deepEqual(
        lines.filter(
          (line) => !missing.test(line) && !(isLab && line.includes("host_key: is missing")),
        ),
        [],
        sample,
      );
    }
  });

  it("leaves nothing secret where git would take it", () => {
    const written = [
      ...read("README.md").matchAll(/(?: > |file:\/\/\$PWD\/)([\w./-]+)/g),
      ...read("docs/cluster-yaml.md").matchAll(/password_file: ([\w./-]+)/g),
    ].map(([, path = ""]) => path);
    assert.ok(written.length >= 3, written.join());
    for (const path of written)
      assert.doesNotThrow(
        () => execFileSync("git", ["check-ignore", "-q", path], { cwd: root }),
        path,
      );
  });

  it("shows a smallest file whose keys the schema knows", () => {
    const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(read("docs/cluster-yaml.md")) ?? [];
    const { error } = clusterFile.safeParse(parse(yaml));
    const unknown = error?.issues.filter(({ code }) => code !== "custom") ?? [];
    assert.deepEqual(unknown, []);
  });
});
