import assert from "node:assert/strict";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf } from "./fakeMachine";
import { clusterId } from "./furnish";

describe("a node that leaves Kubernetes", () => {
  let small: Graph;
  let lost: Graph;
  let machine: FakeMachine;
  before(async () => {
    small = await recordSample("small");
    lost = await recordSample("lost");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
    machine.write("var/lib/etcd/member/data", "");
    machine.write("state/units/etcd.service.active", "");
  });
  afterEach(() => machine.close());

  const members = [1, 2, 3]
    .map((n) => `${n}, started, m${n}, https://10.0.0.1${n}:2380, , false\n`)
    .join("");
  const nodeOf = (name: string) => `state/api/api_v1_nodes_${name}`;
  const declared = "state/api/api_v1_namespaces_kube-system_configmaps_groundwork-nodes";
  /** A Node that Kubernetes knows, and that is declared. */
  const admitted = (name: string, ready = "True") => {
    const status = { conditions: [{ type: "Ready", status: ready }] };
    machine.write(nodeOf(name), JSON.stringify({ status }));
    for (const path of [`${declared}.of-groundwork-${name}`, declared])
      machine.write(path, JSON.stringify({ data: { [name]: "{}" } }));
  };
  /** By the node's own field manager, and by whoever else. */
  const isDeclared = (name: string) =>
    [`${declared}.of-groundwork-${name}`, declared].flatMap((path) =>
      Object.keys((JSON.parse(machine.read(path)) as { data: object }).data),
    );
  const acts = (calls: readonly string[]) =>
    calls.filter((call) => /^kubectl|^curl (PATCH|DELETE).*nodes\/|member remove/.test(call));

  it("is drained before it is deleted, once", () => {
    machine.lock(clusterId, "master-01");
    admitted("worker-01");
    const admit = programOf(small, "worker-01-admit");
    const { status, stdout, stderr, calls } = machine.run(admit, "delete");
    assert.equal(status, 0, `steps/admit/dismiss.sh: ${stderr}`);
    assert.equal(stdout, "changed: 1");
    const [drain, remove, token, ...more] = acts(calls);
    assert.match(
      drain ?? "",
      /^kubectl drain worker-01 .*--timeout=300s/,
      "steps/admit/dismiss.sh",
    );
    assert.match(remove ?? "", /^kubectl delete node worker-01 /, "steps/admit/dismiss.sh");
    assert.match(token ?? "", /delete secret bootstrap-token-abcdef /, "steps/admit/dismiss.sh");
    assert.deepEqual(more, []);
    assert.deepEqual(isDeclared("worker-01"), [], "its certificate would still be renewed");
    const gone = calls.findIndex((call) => call.startsWith("kubectl delete node"));
    const undeclared = calls.findIndex((call) => /^curl PATCH .*groundwork-nodes/.test(call));
    assert.ok(undeclared >= 0 && undeclared < gone, "its kubelet could make the Node anew");
    const again = machine.run(admit, "delete");
    assert.equal(again.stdout, "unchanged", `steps/admit/dismiss.sh, run again: ${again.stderr}`);
    assert.ok(!again.calls.some((call) => call.startsWith("kubectl drain")));
  });

  it("stays where its master is another cluster's by now", () => {
    machine.lock("another", "master-01");
    admitted("worker-01");
    const outcome = machine.run(programOf(small, "worker-01-admit"), "delete");
    assertRefused(outcome, /names another, not /);
    assert.deepEqual(acts(outcome.calls), [], "steps/admit/dismiss.sh");
  });

  it("stays where its pods cannot go", () => {
    machine.lock(clusterId, "master-01");
    admitted("worker-01");
    machine.write("state/undrainable", "");
    const outcome = machine.run(programOf(small, "worker-01-admit"), "delete");
    assertRefused(outcome, /worker-01 could not be drained within 300 s/);
    assert.ok(
      machine.exists(nodeOf("worker-01")),
      "steps/admit/dismiss.sh deletes it all the same",
    );
    assert.deepEqual(isDeclared("worker-01"), ["worker-01", "worker-01"]);
  });

  it("keeps its pods where etcd cannot spare it", () => {
    machine.lock(clusterId, "master-02");
    admitted("master-02");
    machine.write("state/members", members);
    machine.write("state/down", "10.0.0.13\n");
    const outcome = machine.run(programOf(small, "master-02-admit"), "delete");
    assertRefused(outcome, /etcd would lose its quorum/);
    assert.deepEqual(acts(outcome.calls), [], "steps/admit/dismiss.sh");
  });

  it("goes when the members that its own etcd knows can spare it", () => {
    machine.lock(clusterId, "master-02");
    admitted("master-02");
    machine.write("state/members", members);
    const { status, stderr, calls } = machine.run(programOf(small, "master-02-admit"), "delete");
    assert.equal(status, 0, `steps/admit/dismiss.sh: ${stderr}`);
    assert.match(acts(calls).join("\n"), /^kubectl drain master-02 /);
  });

  it("knows of no Node where its control plane never answered", () => {
    machine.lock(clusterId, "master-02");
    machine.write("state/members", "7, started, master-01, https://10.0.0.11:2380, , false\n");
    machine.write("state/down", "10.0.0.11\n");
    const { status, stderr, calls } = machine.run(programOf(lost, "master-01-forget"));
    assert.equal(status, 0, `steps/forget/forget.sh: ${stderr}`);
    assert.ok(!calls.some((call) => call.includes(":6443")), "steps/forget/forget.sh");
  });

  it("is forgotten when its machine is gone: etcd's member, pods, Node, what was declared", () => {
    machine.lock(clusterId, "master-02");
    machine.write("var/lib/cluster-state/cluster-joined", "");
    machine.write("state/members", "7, started, master-01, https://10.0.0.11:2380, , false\n");
    machine.write("state/down", "10.0.0.11\n");
    const lives = { metadata: { ownerReferences: [{ kind: "DaemonSet" }] } };
    machine.write("state/api/api_v1_pods", JSON.stringify({ items: [lives] }));
    admitted("master-01", "Unknown");
    const forget = programOf(lost, "master-01-forget");
    const { status, stdout, stderr, calls } = machine.run(forget);
    assert.equal(status, 0, `steps/forget/forget.sh: ${stderr}`);
    assert.equal(stdout, "changed: 2");
    assert.deepEqual(
      acts(calls).map((call) => /member remove 7$|(PATCH|DELETE) |kubectl/.exec(call)?.[0]),
      ["member remove 7", "PATCH ", "DELETE "],
      "steps/forget/forget.sh",
    );
    const looks = calls.findIndex((call) => call.includes("/pods?"));
    const deletes = calls.findIndex((call) => call.includes("DELETE"));
    assert.ok(looks >= 0 && looks < deletes, "steps/forget/forget.sh does not wait for its pods");
    const patched = calls.find((call) => /^data .*"taints"/.test(call));
    assert.match(patched ?? "", /"unschedulable":true.*node\.kubernetes\.io\/out-of-service/);
    const undeclared = calls.findIndex((call) => /^curl PATCH .*groundwork-nodes/.test(call));
    assert.ok(undeclared >= 0 && undeclared < deletes, "a kubelet could make its Node anew");
    assert.ok(!machine.exists(nodeOf("master-01")), "steps/forget/forget.sh leaves its Node");
    assert.deepEqual(isDeclared("master-01"), [], "its certificate would still be renewed");
    assert.equal(machine.run(forget).stdout, "unchanged", "steps/forget/forget.sh, run again");
  });

  it("takes its API server down before its vote, and starts no etcd again", () => {
    machine.lock(clusterId, "master-02");
    machine.write("state/members", members);
    const etcd = programOf(small, "master-02-etcd");
    const { status, stderr, calls } = machine.run(etcd, "delete");
    assert.equal(status, 0, `steps/etcd/etcd-leave.sh: ${stderr}`);
    const order = [/disable .*--now kube-apiserver/, /member remove 2$/, /disable .*--now etcd/];
    const at = order.map((pattern) => calls.findIndex((call) => pattern.test(call)));
    assert.ok(!at.includes(-1), `steps/etcd/etcd-leave.sh leaves something out: ${at.join(", ")}`);
    assert.deepEqual(
      at,
      [...at].sort((a, b) => a - b),
      "steps/etcd/etcd-leave.sh",
    );
    const again = machine.run(etcd, "delete");
    assert.equal(again.stdout, "unchanged", `steps/etcd/etcd-leave.sh, run again: ${again.stderr}`);
  });
});
