import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterFile, type Result, root, run } from "./lab";

interface Preview {
  readonly steps: readonly { readonly op: string; readonly urn: string }[];
}

const nameOf = (urn: string) => urn.split("::").at(-1) ?? "";

describe("a program that constructs two clusters", function () {
  this.timeout(400_000);
  let project: string;
  const pulumi = (args: string): Result =>
    run(
      `cd ${project} && PULUMI_BACKEND_URL=file://${project}/state pulumi ${args} --non-interactive`,
    );
  const must = (args: string): string => {
    const { status, stdout, output } = pulumi(args);
    assert.equal(status, 0, output);
    return stdout;
  };
  const seen = () => join(project, "seen");

  before(() => {
    project = mkdtempSync(join(tmpdir(), "groundwork-component-"));
    const main = join(root, "test/e2e/fixtures/otherProgram.ts");
    writeFileSync(
      join(project, "Pulumi.yaml"),
      JSON.stringify({ name: "other", runtime: "nodejs", main }),
    );
    run(`mkdir ${project}/state`);
    must("stack init test");
    must(`config set clusterFile ${clusterFile}`);
    must(`config set seen ${seen()}`);
  });
  after(() => rmSync(project, { recursive: true }));

  it("is previewed by the engine, which calls a transform with each resource of its cluster", () => {
    const { steps } = JSON.parse(must("preview --json")) as Preview;
    const made = steps.filter(({ op }) => op === "create").map(({ urn }) => nameOf(urn));
    const one = made.filter((name) => /^one(-|$)/.test(name));
    const two = made.filter((name) => /^two(-|$)/.test(name));
    assert.ok(one.length > 100, `${one.length} resources`);
    assert.deepEqual(
      one.map((name) => name.replace("one", "")).sort(),
      two.map((name) => name.replace("two", "")).sort(),
    );
    const called = readFileSync(seen(), "utf8").trim().split("\n");
    assert.deepEqual(new Set(one.filter((name) => !called.includes(name))), new Set());
    assert.deepEqual(new Set(called.filter((name) => two.includes(name))), new Set());
  });

  it("is refused where a cluster lives and nothing tells what the last 'up' left of it", () => {
    must("config set seed true");
    must("up --yes --skip-preview");
    must("config rm seed");
    const { status, output } = pulumi("preview");
    assert.notEqual(status, 0, output);
    assert.match(output, /error: cluster one has one problem:\s+former: nothing tells what the/);
    assert.doesNotMatch(output, /cluster two has/);
    assert.equal(output.split("former: nothing tells").length, 2, `it says so twice:\n${output}`);

    must(
      `config set former '${JSON.stringify({ nodes: { "master-01": { roles: ["master"] } } })}'`,
    );
    must("preview");
  });
});
