import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formerUrns, isGone } from "../graph/formerUrns";
import { clusterFile, type Result, root, run } from "./lab";

interface Preview {
  readonly changeSummary: Readonly<Record<string, number>>;
  readonly steps: readonly { readonly op: string; readonly urn: string }[];
}

const nameOf = (urn: string) => urn.split("::").at(-1) ?? "";

describe("a program that constructs two clusters", function () {
  this.timeout(600_000);
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

describe("a stack of the release before the cluster was a component", function () {
  this.timeout(400_000);

  it("has its resources found by the engine, every one", () => {
    const project = mkdtempSync(join(tmpdir(), "groundwork-former-"));
    const pulumi = (args: string): string => {
      const command = `pulumi ${args} --non-interactive`;
      const { status, stdout, output } = run(
        `cd ${project} && PULUMI_BACKEND_URL=file://${project}/state ${command}`,
      );
      assert.equal(status, 0, output);
      return stdout;
    };
    const former = formerUrns.filter((urn) => !isGone(urn));
    try {
      const main = join(root, "index.ts");
      writeFileSync(
        join(project, "Pulumi.yaml"),
        JSON.stringify({ name: "groundwork", runtime: "nodejs", main }),
      );
      run(`mkdir ${project}/state`);
      pulumi("stack init former");
      pulumi(`config set clusterFile ${join(root, "test/graph/clusters/lost.yaml")}`);
      pulumi("config set protect false");
      const stack = JSON.parse(pulumi("stack export")) as {
        deployment: Record<string, unknown>;
      };
      const all = ["pulumi:pulumi:Stack::groundwork-former", ...former];
      stack.deployment.resources = all.map(resourceOf);
      writeFileSync(join(project, "former.json"), JSON.stringify(stack));
      pulumi(`stack import --file ${join(project, "former.json")}`);
      const { changeSummary } = JSON.parse(pulumi("preview --json")) as Preview;
      // One that is not found would be made again, and go.
      assert.equal(changeSummary.delete, undefined, JSON.stringify(changeSummary));
      const count = Object.values(changeSummary).reduce((sum, one) => sum + one, 0);
      assert.equal(count - (changeSummary.create ?? 0), all.length, JSON.stringify(changeSummary));
    } finally {
      rmSync(project, { recursive: true });
    }
  });
});

/** What a state has of a resource, with hardly an input: that it would be made anew is no matter here. */
function resourceOf(line: string): object {
  const [types = "", name = ""] = line.split("::");
  const type = types.split("$").at(-1) ?? "";
  const custom = !/^(groundwork|pulumi:pulumi:Stack$)/.test(type);
  const inputs = type.startsWith("command:") ? { connection: { host: "192.0.2.1" } } : {};
  return {
    urn: `urn:pulumi:former::groundwork::${types}::${name}`,
    type,
    custom,
    ...(custom ? { id: name } : {}),
    ...(type.endsWith(":StackReference") ? { external: true } : {}),
    inputs,
    outputs: inputs,
  };
}
