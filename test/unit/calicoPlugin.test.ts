import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mock } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { parseAllDocuments } from "yaml";
import { networkInWords } from "../../components/networkPlugin";
import { loadCluster } from "../../config/load";
import { judge } from "../../status/judge";
import { readProgram } from "../graph/program";
import { type Graph, recordProgram, reveal } from "../graph/record";
import { recordSample, sampleFile } from "../graph/samples";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";
import { stepOf, take } from "./furnish";
import { plan, statusWith } from "./statusSample";

const waits =
  "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized";
const daemonSet = "state/api/apis_apps_v1_namespaces_kube-system_daemonsets_calico-node";
const pods = "state/api/api_v1_namespaces_kube-system_pods";

/** The lab's stand-in for Calico's manifest, as kubectl reads it. */
const standIn = parseAllDocuments(
  readFileSync(join(__dirname, "../../lab/artifacts/calico/stand-in.yaml"), "utf8").replaceAll(
    "@VERSION@",
    "v3.32.1",
  ),
).map((document) => document.toJS() as { kind: string; metadata: { name: string } });

describe("a cluster whose network plugin is Calico", function () {
  this.timeout(60_000);
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("calico");
  });
  beforeEach(() => {
    machine = new FakeMachine();
  });
  afterEach(() => machine.close());

  const master = () => {
    take(machine, graph, "master-01");
    for (const step of ["prepare", "credentials", "genesis", "control-plane"])
      assert.equal(machine.run(stepOf(graph, "master-01", step)).status, 0, step);
    machine.write("state/manifest", standIn.map((one) => JSON.stringify(one)).join("\n"));
    machine.write(
      "state/api/api_v1_nodes",
      JSON.stringify({ items: [node("master-01", true), node("worker-01", false)] }),
    );
  };
  const node = (name: string, ready: boolean) => ({
    metadata: { name },
    status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  });
  const rolled = (updatedNumberScheduled: number, numberAvailable: number) =>
    machine.write(
      daemonSet,
      JSON.stringify({
        metadata: { generation: 2 },
        status: {
          observedGeneration: 2,
          desiredNumberScheduled: 2,
          updatedNumberScheduled,
          numberAvailable,
        },
      }),
    );
  const impatient = () =>
    replaced(programOf(graph, "network-plugin"), "PATIENCE=300", "PATIENCE=1");
  const applied = (calls: readonly string[]) => calls.filter((call) => call.includes(" apply "));

  it("has the manifest on masters alone, as a file that is checked", () => {
    const { variables } = readProgram(programOf(graph, "master-01-prepare"));
    assert.match(
      variables.ARTIFACTS ?? "",
      /^\w{64} https:\/\/raw\.githubusercontent\.com\/projectcalico\/calico\/v3\.32\.1\/manifests\/calico\.yaml \/usr\/local\/lib\/groundwork\/calico\.yaml$/m,
    );
    const worker = readProgram(programOf(graph, "worker-01-prepare")).variables;
    assert.doesNotMatch(JSON.stringify(worker), /calico/);
  });

  it("gets its kinds, then the rest, and nobody is waited for", () => {
    master();
    const { status, stderr, stdout, calls } = machine.run(programOf(graph, "network-plugin"));
    assert.equal(status, 0, stderr);
    assert.equal(stdout, "changed: 2");
    assert.match(stderr, /applied CustomResourceDefinition felixconfigurations/);
    assert.match(
      stderr,
      /applied ServiceAccount calico-node, .*, DaemonSet calico-node, Deployment/,
    );
    assert.equal(applied(calls).length, 2);
    assert.match(
      applied(calls)[0] ?? "",
      /apply --server-side --force-conflicts --field-manager=groundwork/,
    );
  });

  it("is told unchanged where all of it is there already, and runs on all nodes that are Ready", () => {
    master();
    const { stderr } = machine.run(programOf(graph, "network-plugin"));
    for (const what of ["ConfigMap kubernetes-services-endpoint", "FelixConfiguration default"])
      assert.match(stderr, new RegExp(what));
    rolled(2, 1);
    const ended = machine.run(impatient());
    assert.equal(ended.status, 0, ended.stderr);
    assert.equal(ended.stdout, "unchanged");
  });

  it("is not applied where the manifest is not as it is known", () => {
    master();
    const text = machine.read("state/manifest");
    machine.write("state/manifest", text.replace('"CALICO_IPV4POOL_IPIP"', '"IPIP"'));
    const ended = machine.run(programOf(graph, "network-plugin"));
    assertRefused(
      ended,
      /the manifest of calico 3\.32\.1 is not as this release knows it: the container calico-node has no CALICO_IPV4POOL_IPIP\n/,
      /nothing was applied/,
    );
    assert.deepEqual(applied(ended.calls), []);
    machine.write("state/manifest", "{");
    assertRefused(machine.run(programOf(graph, "network-plugin")), /is not of the form/);
  });

  it("fails where the pods of no further node follow, and says how far they are", () => {
    master();
    rolled(1, 1);
    assertRefused(
      machine.run(impatient()),
      /no further node has followed: 1 of 2 nodes have it, on 1 it runs; not Ready: worker-01/,
    );
    machine.write(daemonSet, "overloaded");
    assert.notEqual(machine.run(impatient()).status, 0);
  });

  it("takes nodes that wait for it, and lets them in when it runs there", () => {
    master();
    const path = "state/api/api_v1_nodes_worker-01";
    const known = JSON.parse(machine.read(path)) as { status: object };
    const is = (status: string, message: string) =>
      machine.write(
        path,
        JSON.stringify({
          ...known,
          status: { ...known.status, conditions: [{ type: "Ready", status, message }] },
        }),
      );
    const has = (name: string, status: string) =>
      machine.write(
        pods,
        JSON.stringify({
          items: [
            {
              metadata: { ownerReferences: [{ kind: "DaemonSet", name }] },
              status: { conditions: [{ type: "Ready", status }] },
            },
          ],
        }),
      );
    const admit = replaced(
      programOf(graph, "worker-01-admit"),
      "READY_WITHIN='600'",
      "READY_WITHIN='1'",
    );
    const refused = () =>
      assertRefused(machine.run(admit), /worker-01 was not Ready and serving/, /get pods -o wide/);
    is("False", waits);
    has("calico-node", "True");
    refused();
    is("True", "");
    has("calico-node", "False");
    refused();
    has("another", "True");
    refused();
    has("calico-node", "True");
    const { status, stderr } = machine.run(admit);
    assert.equal(status, 0, stderr);

    assert.equal(readProgram(programOf(graph, "worker-01-kubelet")).variables.NETWORK_LATER, "yes");
  });

  it("shows in a preview how another version comes, and is in the outputs", async () => {
    const nodes = reveal(graph.outputs.nodes) as Record<string, { networkVersion?: string }>;
    assert.equal(nodes["worker-01"]?.networkVersion, "3.32.1");
    const calico = loadCluster(sampleFile("calico"));
    const was = (networkVersion?: string) =>
      networkInWords(
        {
          nodes: {
            "worker-01": { roles: ["worker"], networkPlugin: "calico", networkVersion },
            "master-01": { roles: ["master"], networkPlugin: "calico", networkVersion },
            "worker-02": { roles: ["worker"], joined: false },
            "storage-01": { roles: ["ceph-osd"], networkPlugin: "calico" },
          },
        },
        calico,
      );
    assert.equal(was("3.32.1"), undefined);
    assert.equal(was(), undefined);
    assert.equal(networkInWords({ nodes: {} }, calico), undefined);
    assert.equal(
      was("3.32.0"),
      "calico 3.32.0 -> 3.32.1:\n" +
        "  master-01: applies upstream's manifest, with what is the cluster's own in it\n" +
        "  master-01, worker-01: one after the other gets its pod anew, by Kubernetes itself, and the up waits for all",
    );
    const info = mock.method(pulumi.log, "info", () => Promise.resolve());
    try {
      const known = reveal(graph.outputs.nodes) as typeof nodes;
      const older = Object.fromEntries(
        Object.entries(known).map(([name, node]) => [name, { ...node, networkVersion: "3.32.0" }]),
      );
      const before = { ...graph, outputs: { ...graph.outputs, nodes: older } };
      await recordProgram(sampleFile("calico"), { before, preview: true });
      const said = info.mock.calls.map(({ arguments: [text] }) => text as unknown as string);
      assert.match(said.join("\n"), /^calico 3\.32\.0 -> 3\.32\.1:$/m);
    } finally {
      info.mock.restore();
    }
  });

  it("is no stranger to its own machines, and goes from them", () => {
    const { variables } = readProgram(programOf(graph, "worker-01-preflight"));
    assert.equal(variables.NETWORK_LINKS, "cali* vxlan.calico wireguard.cali wg-v6.cali");
    assert.doesNotMatch(variables.FOREIGN_LINKS ?? "", /cali/);
    assert.match(variables.FOREIGN_LINKS ?? "", /^cni0 flannel\.1 /);
    assert.equal(variables.CNI_FILE, "10-calico.conflist");
    take(machine, graph, "worker-01");
    machine.write("proc/mounts", "cgroup2 /run/calico/cgroup cgroup2 rw 0 0\n");
    for (const link of ["cali1", "vxlan.calico", "eth0"])
      machine.write(`sys/class/net/${link}/ifindex`, "7");
    const { status, stderr, calls } = machine.run(stepOf(graph, "worker-01", "claim"), "delete");
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      calls.filter((call) => /^ip (link delete|route)/.test(call)),
      ["ip link delete cali1", "ip link delete vxlan.calico", "ip route flush table all proto 80"],
    );
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
    const found = (workloads: typeof kubernetes.workloads) =>
      judge({
        ...status,
        plan: { ...plan, networking: { ...plan.networking, plugin: "calico" } },
        kubernetes: { ...kubernetes, nodes, workloads },
      }).map(({ what }) => what);
    assert.deepEqual(found(kubernetes.workloads), [
      "Calico is not in the cluster, and master-01 and master-02 wait for it: pods get no network there",
    ]);
    assert.deepEqual(
      found([...kubernetes.workloads, { name: "calico-node", ready: 3, wanted: 5 }]),
      [
        "Calico has not come up on master-01 and master-02: pods get no network there, and wait",
        "calico-node in kube-system runs 3 of 5 pods",
      ],
    );
  });
});
