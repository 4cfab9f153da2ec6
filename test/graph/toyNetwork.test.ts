import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type * as load from "../../config/load";
import type * as networks from "../../networks";
import type * as ask from "../../status/ask";
import type * as cluster from "../../status/cluster";
import type * as judges from "../../status/judge";
import type * as machines from "../../status/judge/machine";
import type { ClusterPlan } from "../../config/plan";
import { allChecksums, type FileData, sampleFile, withValue } from "../unit/clusterSample";
import { readProgram } from "./program";
import { type Graph, recordProgram, reveal } from "./record";
import { forget } from "./renderers";
import { commands, named } from "./select";
import type * as toys from "./toy";

const checksum = "cd".repeat(32);

/** What a reader who adds a network plugin does: a folder, and its name in networks/index.ts. Here it is there for these tests. */
describe("a network plugin that is one folder", function () {
  this.timeout(60_000);
  let folder: string;
  let remember: () => void;
  let graph: Graph;
  let plan: ClusterPlan;
  /** A module of the program, as it is where there is the toy. */
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const program = <T>(path: string) => require(join("../..", path)) as T;
  const file = (networking: object, sha256: object = {}): FileData =>
    withValue(
      withValue(sampleFile(), ["cluster", "networking"], networking),
      ["cluster", "artifacts", "sha256"],
      { ...allChecksums(), ...sha256 },
    );
  const write = (data: FileData) => {
    const path = join(folder, "cluster.yaml");
    writeFileSync(path, stringify(data));
    return path;
  };
  const given = { "toys.example.org/v1/toyd-amd64": checksum };
  const loaded = (data: FileData) => program<typeof load>("config/load").loadCluster(write(data));

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-toy-"));
    remember = forget();
    const { plugins } = program<typeof networks>("networks");
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    plugins.toy = (require("./toy") as typeof toys).toy;
    const good = file({ plugin: "toy", toy: { mtu: 1400 } }, given);
    plan = loaded(good);
    graph = await recordProgram(write(good));
  });
  after(() => {
    remember();
    rmSync(folder, { recursive: true });
  });
  const step = (name: string) => readProgram(named(graph, name).program);

  it("has its fields in the file, with defaults, checks and a place", () => {
    assert.deepEqual(plan.networking.settings, { mtu: 1400 });
    assert.deepEqual(loaded(file({ plugin: "toy" }, given)).networking.settings, { mtu: 1450 });
    assert.throws(
      () => loaded(file({ plugin: "toy", toy: { mtu: 9 } }, given)),
      /cluster\.networking\.toy\.mtu: 9 is too small; give 1280 or more/,
    );
    assert.throws(
      () => loaded(file({ toy: { mtu: 1400 } })),
      /cluster\.networking\.toy: has settings of the network plugin toy, and the cluster's is flannel/,
    );
  });

  it("has nodes download its programs, by checksums that have to be known", () => {
    assert.match(
      step("worker-01-prepare").variables.ARTIFACTS ?? "",
      new RegExp(`^${checksum} https://toys.example.org/v1/toyd-amd64 /usr/local/bin/toyd$`, "m"),
    );
    assert.throws(
      () => loaded(file({ plugin: "toy" })),
      /toys\.example\.org\/v1\/toyd-amd64\S* is missing/,
    );
  });

  it("has its files and units on nodes, which start and are restarted as others are", () => {
    const { files, variables } = step("worker-01-kubelet");
    assert.equal(files["/etc/toy.json 0644 root:root"], '{"node":"worker-01","mtu":1400}\n');
    assert.match(files["/usr/local/lib/toy-cni 0755 root:root"] ?? "", /^echo toy$/m);
    assert.ok(
      "/etc/systemd/system/toyd.service 0600 root:root" in files,
      Object.keys(files).join(),
    );
    assert.match(
      files["/etc/systemd/system/kubelet.service 0600 root:root"] ?? "",
      /try-restart --no-block toyd\.service/,
    );
    assert.match(variables.UNITS ?? "", / toyd\.service$/);
    assert.match(
      variables.READS ?? "",
      /^toyd\.service \w{32} \/usr\/local\/bin\/toyd \/etc\/toy\.json \/usr\/local\/lib\/toy-cni$/m,
    );
    assert.equal(variables.NETWORK_LATER, "no");
    assert.match(named(graph, "worker-01-kubelet").program, /changed "wound the toy up"/);
    const { files: prepared } = step("worker-01-prepare");
    assert.equal(
      prepared["/etc/modules-load.d/groundwork.conf 0644 root:root"],
      "br_netfilter\nnf_conntrack\noverlay\ntoys\n",
    );
    assert.match(JSON.stringify(prepared), /bin_dir = \\"\/opt\/toy\\"/);
  });

  it("is taken off by reset, and what it leaves is what preflight looks for", () => {
    const { variables: claim } = step("worker-01-claim");
    assert.deepEqual(
      [claim.NETWORK_LINKS, claim.NETWORK_TABLES, claim.NETWORK_CHAINS, claim.NETWORK_FOLDERS],
      ["toy*", "toy", "TOY", "/run/toy"],
    );
    const { variables: preflight } = step("worker-01-preflight");
    assert.equal(preflight.CNI_FILE, "20-toy.conflist");
    assert.equal(preflight.REACHED, "UDP 4711");
    assert.equal(preflight.NETWORK_LINKS, "toy*");
    assert.match(preflight.FOREIGN_LINKS ?? "", /^cni0 flannel\.1 .*cali\*/);
    assert.match(preflight.NETWORK_TABLES ?? "", /^toy\|flannel-ipv/);
    assert.match(preflight.NETWORK_CHAINS ?? "", /^TOY\|FLANNEL\|/);
  });

  it("has its rights before nodes join, and its manifests when the API answers", () => {
    for (const type of ["ClusterRole", "ClusterRoleBinding"]) {
      const urn = graph.resources.find(
        (r) => r.name === "addons-toy" && r.type.endsWith(`:${type}`),
      )?.urn;
      assert.ok(urn && named(graph, "worker-01-kubelet").dependsOn.includes(urn), type);
    }
    const manifest = named(graph, "addons-network-toy");
    assert.equal(manifest.type, "kubernetes:core/v1:ConfigMap");
    assert.deepEqual(reveal(manifest.inputs), {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "toy",
        namespace: "kube-system",
        annotations: { "pulumi.com/skipAwait": "true" },
      },
      data: { cidr: "10.244.0.0/16" },
    });
    assert.ok(
      manifest.dependsOn.includes(named(graph, "master-01-control-plane").urn),
      manifest.dependsOn.join(" "),
    );
  });

  it("is asked for and judged by the status", () => {
    assert.match(
      program<typeof ask>("status/ask").statusProgram(),
      /^network_of_toy\(\) [^]*^main "\$@"/m,
    );
    const { expectedUnits } = program<typeof machines>("status/judge/machine");
    const [worker] = plan.nodes.filter(({ name }) => name === "worker-01");
    assert.ok(worker && expectedUnits(worker, plan).includes("toyd"));
    const status = program<typeof cluster>("status/cluster").gather(plan, []);
    const found = program<typeof judges>("status/judge").judge(status);
    assert.deepEqual(
      found.map(({ what }) => what).filter((what) => what.includes("toy")),
      ["sample has a toy for a network"],
    );
  });

  it("is there in the place of flannel, of which nodes have nothing", () => {
    for (const { name, program } of commands(graph)) {
      const { variables, files } = readProgram(program);
      // What preflight looks for is what any plugin leaves.
      if (!name.endsWith("-preflight"))
        assert.doesNotMatch(JSON.stringify([variables, files]), /flannel/i, name);
    }
    const nodes = reveal(graph.outputs.nodes) as Record<string, { networkPlugin?: string }>;
    assert.equal(nodes["worker-01"]?.networkPlugin, "toy");
  });
});
