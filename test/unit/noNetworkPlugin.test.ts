import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { refuseAnotherPlugin } from "../../components/networkPlugin";
import { judge } from "../../status/judge";
import { readProgram } from "../graph/program";
import { type Graph, recordProgram, reveal } from "../graph/record";
import { sampleFile } from "../graph/samples";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";
import { stepOf, take } from "./furnish";
import { plan, statusWith } from "./statusSample";

const waits =
  "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized";

describe("a cluster whose network plugin is the operator's", function () {
  this.timeout(60_000);
  let folder: string;
  let file: string;
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-none-"));
    file = join(folder, "cluster.yaml");
    const text = readFileSync(sampleFile("small"), "utf8");
    writeFileSync(file, replaced(text, "plugin: flannel", "plugin: none"));
    graph = await recordProgram(file);
  });
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    machine = new FakeMachine();
  });
  afterEach(() => machine.close());

  /** What the API server knows of a node that is not Ready. */
  const notReady = (node: string, message: string) => {
    const path = `state/api/api_v1_nodes_${node}`;
    const known = JSON.parse(machine.read(path)) as { status: object };
    const conditions = [{ type: "Ready", status: "False", message }];
    machine.write(path, JSON.stringify({ ...known, status: { ...known.status, conditions } }));
  };
  const impatient = (program: string) =>
    program.replaceAll("wait_for 120", "wait_for 1").replaceAll("wait_for 60", "wait_for 3");

  it("has nothing of flannel, and containerd looks where plugins put their programs", () => {
    for (const step of ["worker-01-prepare", "worker-01-kubelet"])
      assert.doesNotMatch(readProgramText(graph, step), /flannel/, step);
    const { files } = readProgram(programOf(graph, "worker-01-prepare"));
    const containerd = Object.entries(files).find(([key]) => key.includes("containerd.toml"));
    assert.match(containerd?.[1] ?? "", /bin_dir = "\/opt\/cni\/bin"/);
    assert.ok(!graph.resources.some(({ name }) => /flannel/.test(name)));
  });

  it("waits for no pods of CoreDNS", () => {
    const dns = graph.resources.find(({ type }) => type === "kubernetes:apps/v1:Deployment");
    assert.match(JSON.stringify(reveal(dns?.inputs)), /"pulumi.com\/skipAwait":"true"/);
  });

  for (const [what, message, configured, status] of [
    ["takes a node that lacks nothing but it", waits, false, 0],
    ["refuses one that lacks more", "[container runtime is down, " + waits + "]", false, 1],
    ["refuses one on which it is, and does not work", waits, true, 1],
  ] as const)
    it(what, () => {
      take(machine, graph, "worker-01");
      machine.write("var/lib/kubelet/pki/kubelet-client-current.pem", "certificate");
      if (configured) machine.write("etc/cni/net.d/05-cilium.conflist", "{}");
      notReady("worker-01", message);
      const ended = machine.run(impatient(programOf(graph, "worker-01-kubelet")));
      assert.equal(ended.status, status, ended.stderr);
      if (status) assertRefused(ended, /the node was not Ready/);
      assert.ok(machine.exists("opt/cni/bin"));
    });

  it("lets a node in that waits for it, and no other one", () => {
    take(machine, graph, "master-01");
    for (const step of ["prepare", "credentials", "genesis", "control-plane"])
      assert.equal(machine.run(stepOf(graph, "master-01", step)).status, 0, step);
    const admit = replaced(
      programOf(graph, "worker-01-admit"),
      "READY_WITHIN='180'",
      "READY_WITHIN='1'",
    );
    notReady("worker-01", "[container runtime is down]");
    assertRefused(machine.run(admit), /worker-01 was not Ready and serving/);
    notReady("worker-01", waits);
    const { status, stderr } = machine.run(admit);
    assert.equal(status, 0, stderr);
  });

  it("is not refused its own links later, and takes those off that go by a known name", () => {
    const { variables } = readProgram(programOf(graph, "worker-01-preflight"));
    assert.equal(variables.NETWORK_LINKS, "");
    assert.match(variables.FOREIGN_LINKS ?? "", /^cni0 flannel\.1 .*cilium_\*/);
    take(machine, graph, "worker-01");
    machine.write("var/lib/cluster-state/before", "link cali1\n");
    for (const link of ["cali1", "cali2", "cilium_host", "cni0", "eth0"])
      machine.write(`sys/class/net/${link}/ifindex`, "7");
    const { status, stderr, calls } = machine.run(stepOf(graph, "worker-01", "claim"), "delete");
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      calls.filter((call) => call.startsWith("ip link delete")),
      ["cali2", "cilium_host", "cni0"].map((link) => `ip link delete ${link}`),
    );
  });

  it("finds no other's configuration on a machine, which containerd would take at once", () => {
    machine.write("etc/cni/net.d/87-podman-bridge.conflist", "{}");
    machine.write("etc/os-release", "ID=debian\nVERSION_ID=13\n");
    machine.write("etc/resolv.conf", "nameserver 10.0.0.1\n");
    machine.write("etc/machine-id", "");
    machine.write("proc/swaps", "Filename Type\n");
    const { stderr } = machine.run(programOf(graph, "worker-01-preflight"));
    assert.match(
      stderr,
      /the network of \S*\/87-podman-bridge\.conflist, and cluster\.networking\.plugin is none/,
    );
  });

  it("says of its nodes that they are of it, and a release's that knew no other of nothing", async () => {
    const nodes = reveal(graph.outputs.nodes) as Record<string, { networkPlugin?: string }>;
    assert.equal(nodes["worker-01"]?.networkPlugin, "none");
    const flannel = await recordProgram(sampleFile("small"));
    const others = reveal(flannel.outputs.nodes) as typeof nodes;
    assert.ok(!("networkPlugin" in (others["worker-01"] ?? {})));
    await assert.rejects(
      recordProgram(file, { before: flannel }),
      /none is not what the cluster has, flannel: .*Nothing was changed/,
    );
  });

  it("is refused where another one is, and nowhere else", () => {
    const roles = ["worker"] as const;
    const refuse = (plugin: string, nodes: Parameters<typeof refuseAnotherPlugin>[0]["nodes"]) =>
      refuseAnotherPlugin(
        { nodes },
        { networking: { ...plan.networking, plugin } },
        "cluster.yaml",
      );
    refuse("none", {});
    refuse("none", { a: { roles, networkPlugin: "none" }, b: { roles: ["ceph-osd"] } });
    refuse("flannel", { a: { roles } });
    assert.throws(
      () => refuse("none", { a: { roles } }),
      /cluster\.networking\.plugin: none is not what the cluster has, flannel/,
    );
    assert.throws(() => refuse("flannel", { a: { roles, networkPlugin: "none" } }), /none/);
  });

  it("is what the status says is missing, once for all nodes", () => {
    const status = statusWith({});
    const { kubernetes } = status;
    assert.ok(kubernetes);
    const nodes = kubernetes.nodes.map((node, i) =>
      i < 2
        ? { ...node, ready: { status: "False", since: "2026-11-21T11:00:00Z", message: waits } }
        : node,
    );
    const found = judge({
      ...status,
      plan: { ...plan, networking: { ...plan.networking, plugin: "none" } },
      kubernetes: { ...kubernetes, nodes },
    }).map(({ what }) => what);
    assert.deepEqual(found, [
      "there is no network plugin yet on master-01 and master-02: pods get no network, and wait",
    ]);
  });
});

const readProgramText = (graph: Graph, step: string) =>
  JSON.stringify(readProgram(programOf(graph, step)));
