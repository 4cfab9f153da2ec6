import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Document, parseDocument, type YAMLMap } from "yaml";
import { policies } from "../../policies/rules";
import { clusterFile, must, type Result, root, run } from "./lab";

/** Beside the file in use, as it names files relative to its own folder. */
const editedFile = join(root, ".lab/policies.yaml");

/** A project of its own, so that no test touches the lab's stack. */
let project: string;
const pulumi = (args: string) =>
  run(
    `cd ${project} && PULUMI_BACKEND_URL=file://${project}/state pulumi ${args} --non-interactive`,
  );

function createProject(main: string, config: Readonly<Record<string, string>>): void {
  writeFileSync(
    join(project, "Pulumi.yaml"),
    JSON.stringify({ name: "groundwork", runtime: "nodejs", main: join(root, main) }),
  );
  must(`mkdir -p ${project}/state`);
  for (const args of [
    "stack init policies",
    ...Object.entries(config).map(([key, value]) => `config set groundwork:${key} ${value}`),
  ]) {
    const { status, output } = pulumi(args);
    assert.equal(status, 0, output);
  }
}

/** A preview judged by the policies; `config` is theirs. */
function judge(config: object = {}): Result {
  const file = join(project, "policies.json");
  writeFileSync(file, JSON.stringify(config));
  return pulumi(`preview --policy-pack ${root}/policies --policy-pack-config ${file}`);
}

/** What was violated, by level. */
function violated({ output }: Result): Record<"mandatory" | "advisory", string[]> {
  const lines = [...output.matchAll(/^ *- \[(mandatory|advisory)\] +(\S+)/gm)];
  const of = (level: string) =>
    [...new Set(lines.flatMap(([, l, name = ""]) => (l === level ? [name] : [])))].sort();
  return { mandatory: of("mandatory"), advisory: of("advisory") };
}

/** The lab's file with its nodes changed. */
function writeFile(edit: (nodes: YAMLMap[], file: Document) => void): void {
  const file = parseDocument(readFileSync(clusterFile, "utf8"));
  const nodes = file.get("nodes") as { items: YAMLMap[] };
  edit(nodes.items, file);
  writeFileSync(editedFile, file.toString({ lineWidth: 0 }));
}

/** For masters that leave: the copies of Ceph's data are a matter of other rules. */
function withoutCeph(nodes: YAMLMap[], file: Document): void {
  file.deleteIn(["cluster", "ceph"]);
  for (const node of nodes) {
    const { roles } = node.toJSON() as { roles: string[] };
    node.set("roles", file.createNode(roles.filter((role) => !role.startsWith("ceph-"))));
    node.delete("storage");
  }
}

/** Lets the stack look as if an `up` had left these nodes. */
function pretendUp(outputs: {
  kubernetesVersion?: string;
  nodes: Record<string, { roles: string[] }>;
}): void {
  const stack = JSON.parse(pulumi("stack export").stdout) as {
    deployment: Record<string, unknown>;
  };
  const urn = "urn:pulumi:policies::groundwork::pulumi:pulumi:Stack::groundwork-policies";
  stack.deployment.resources = [{ urn, custom: false, type: "pulumi:pulumi:Stack", outputs }];
  const state = join(project, "state.json");
  writeFileSync(state, JSON.stringify(stack));
  const { status, output } = pulumi(`stack import --file ${state}`);
  assert.equal(status, 0, output);
}

describe("pulumi preview --policy-pack policies", function () {
  this.timeout(120_000);
  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), "groundwork-policies-"));
  });
  afterEach(() => {
    rmSync(project, { recursive: true });
    rmSync(editedFile, { force: true });
  });

  describe("of the program", () => {
    beforeEach(() => createProject("index.ts", { clusterFile: editedFile, protect: "true" }));

    it("finds nothing wrong with the lab's file", () => {
      writeFile(() => undefined);
      const result = judge();
      assert.equal(result.status, 0, result.output);
      assert.deepEqual(violated(result), { mandatory: [], advisory: [] });
      assert.match(result.output, /groundwork@v\d+\.\d+\.\d+ \(local: /, "the pack did not run");
      assert.doesNotMatch(result.output, /can't run policy/);
    });

    it("refuses two masters in one rack, and what is not protected", () => {
      writeFile((nodes, file) => {
        withoutCeph(nodes, file);
        nodes.splice(
          nodes.findIndex((node) => node.get("name") === "master-03"),
          1,
        );
        for (const node of nodes) {
          node.set("labels", file.createNode({ "topology.kubernetes.io/zone": "rack-7" }));
        }
      });
      pulumi("config set groundwork:protect false");
      const result = judge();
      assert.notEqual(result.status, 0, "the preview succeeded");
      assert.deepEqual(violated(result), {
        mandatory: ["masters-in-several-failure-domains", "odd-masters", "protected-roots"],
        advisory: [],
      });
      assert.match(
        result.output,
        /master-02: makes 2 masters .*; add one master to the cluster file/,
      );
      assert.match(result.output, /master-01, master-02: all masters are in failure domain rack-7/);
      assert.match(result.output, /pki-ca-key: is not protected/);
    });

    it("advises against one master, and lets it pass", () => {
      writeFile((nodes, file) => {
        withoutCeph(nodes, file);
        const isOther = (node: YAMLMap) => /^master-0[23]$/.test(String(node.get("name")));
        nodes.splice(0, nodes.length, ...nodes.filter((node) => !isOther(node)));
      });
      const result = judge();
      assert.equal(result.status, 0, result.output);
      assert.deepEqual(violated(result), { mandatory: [], advisory: ["more-than-one-master"] });
    });

    it("compares with the last up: refuses too many removals at once", () => {
      writeFile(() => undefined);
      const gone = { m8: { roles: ["master", "ceph-osd"] }, m9: { roles: ["master"] } };
      pretendUp({ nodes: gone });
      const result = judge();
      assert.notEqual(result.status, 0, "the preview succeeded");
      assert.deepEqual(violated(result).mandatory, ["few-masters-leave", "few-osd-hosts-leave"]);
      assert.match(result.output, /m8, m9: 2 masters would be removed at once/);
    });

    it("is told a version of Kubernetes to which no way leads by the program, before anything is judged", () => {
      writeFile(() => undefined);
      pretendUp({ kubernetesVersion: "1.34.2", nodes: {} });
      const result = judge();
      assert.notEqual(result.status, 0, "the preview succeeded");
      assert.match(
        result.output,
        /cluster\.kubernetes\.version: 1\.36\.3 is 2 minor versions newer than what the cluster runs, 1\.34\.2, .*set a version of 1\.35 first; nothing was changed/,
      );
      assert.doesNotMatch(result.output, /\n\s+at /, "there is a stack trace");
    });

    it("does as an operator configures it", () => {
      writeFile(() => undefined);
      pretendUp({
        nodes: { m8: { roles: ["master"] }, m9: { roles: ["master"] } },
      });
      const result = judge({
        "few-masters-leave": { maximum: 2 },
        "supported-kubernetes": { enforcementLevel: "advisory", newest: "1.2", oldest: "1.1" },
      });
      assert.equal(result.status, 0, result.output);
      assert.deepEqual(violated(result), {
        mandatory: [],
        advisory: ["supported-kubernetes"],
      });
    });
  });

  it("refuses a program that breaks every rule, by each of them", () => {
    createProject("test/e2e/fixtures/brokenCluster.ts", {});
    const first = judge();
    assert.notEqual(first.status, 0, "the preview succeeded");

    // Secrets and ends of certificates are judged once they are there. What runs on machines is left out.
    const made = ["join-secret", "ca-key", "leaf-for-two-years"];
    const targets = made.map((name) => `--target '**::${name}'`).join(" ");
    const { status, output } = pulumi(`up --yes --skip-preview ${targets}`);
    assert.equal(status, 0, output);
    const second = judge({ "certificate-expiry": { warnDays: 1000 } });
    assert.notEqual(second.status, 0, "the preview succeeded");

    const broken = [first, second]
      .map(violated)
      .flatMap(({ mandatory, advisory }) => [...mandatory, ...advisory]);
    const expected = policies
      .map(({ name }) => name)
      .filter((name) => name !== "more-than-one-master");
    assert.deepEqual([...new Set(broken)].sort(), expected.sort());
    assert.match(second.output, /w1-admit: its create holds what join-secret keeps secret/);
    assert.match(second.output, /leaf-for-two-years: ends at /);
  });
});
