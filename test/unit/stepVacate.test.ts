import assert from "node:assert/strict";
import { servicePath } from "../../config/artifacts";
import { wholeProgram } from "../graph/deliveries";
import { readProgram } from "../graph/program";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { version, versionsAt } from "./clusterSample";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";
import { stepOf, take } from "./furnish";

const path = "state/api/api_v1_nodes_worker-01";
const annotation = "groundwork/cordoned-for-upgrade";

interface Node {
  readonly metadata?: { readonly annotations?: Record<string, string> };
  readonly spec?: { readonly unschedulable?: boolean };
}

describe("a node that gets another version of its kubelet", function () {
  this.timeout(60_000);
  let small: Graph;
  let machine: FakeMachine;
  before(async () => {
    small = await recordSample("small");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, small, "master-01");
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
  });
  afterEach(() => machine.close());

  const runs = (kubelet: string, more: object = {}) => {
    const conditions = [{ type: "Ready", status: "True" }];
    const status = { nodeInfo: { kubeletVersion: `v${kubelet}` }, conditions };
    machine.write(path, JSON.stringify({ metadata: { annotations: {} }, ...more, status }));
  };
  const node = () => JSON.parse(machine.read(path)) as Node;
  const pods = (...owners: readonly object[]) => {
    const items = owners.map((owner, i) => ({
      metadata: { namespace: "default", name: `pod-${i}`, ownerReferences: [owner] },
    }));
    machine.write("state/api/api_v1_pods", JSON.stringify({ items }));
  };
  const workload = (kind: string, name: string, available: number) =>
    machine.write(
      `state/api/apis_apps_v1_namespaces_default_${kind}_${name}`,
      JSON.stringify({ spec: { replicas: 2 }, status: { availableReplicas: available } }),
    );
  const vacate = (DRAIN = "minor") => {
    const { variables } = readProgram(programOf(small, "worker-01-admit"));
    const STEP = "drain of worker-01";
    return machine.run(
      wholeProgram({
        script: "vacate",
        variables: { ...variables, NODE: "master-01", STEP, DRAIN, DRAIN_WITHIN: "30" },
      }),
    );
  };
  const drains = (calls: readonly string[]) =>
    calls.filter((call) => call.startsWith("kubectl drain"));
  const noted = "var/lib/groundwork/evicted/worker-01";

  it("is not replaced where nobody says what it runs", () => {
    machine.write("state/overloaded", "api_v1_nodes_worker-01\n");
    assertRefused(vacate(), /does not say whether worker-01 is to be emptied/);
  });

  it("takes no pods again, and is not called upgraded, where nobody says who cordoned it", () => {
    runs(version, {
      spec: { unschedulable: true },
      metadata: { annotations: { [annotation]: version } },
    });
    const admit = replaced(
      programOf(small, "worker-01-admit"),
      "refill\n",
      'echo "api_v1_nodes_worker-01" >"$FAKE_ROOT/state/overloaded"; refill\n',
    );
    assertRefused(machine.run(admit), /does not say whether worker-01 is cordoned/);
    assert.equal(node().spec?.unschedulable, true);
  });

  it("is not emptied where nobody says whether what runs on it is whole", () => {
    runs("1.35.4");
    pods({ kind: "ReplicaSet", name: "web" });
    workload("replicasets", "web", 2);
    machine.write("state/overloaded", "apis_apps_v1_namespaces_default_replicasets_web\n");
    const outcome = vacate();
    assertRefused(
      outcome,
      /does not say whether namespaces\/default\/replicasets\/web is available/,
    );
    assert.deepEqual(drains(outcome.calls), []);
  });

  it("is emptied by eviction where that is of another minor version, and what was whole is noted", () => {
    runs("1.35.4");
    pods(
      { kind: "ReplicaSet", name: "web" },
      { kind: "ReplicaSet", name: "ill" },
      { kind: "StatefulSet", name: "db" },
      { kind: "DaemonSet", name: "agent" },
    );
    workload("replicasets", "web", 2);
    workload("replicasets", "ill", 1);
    workload("statefulsets", "db", 2);
    const { status, stderr, calls } = vacate();
    assert.equal(status, 0, stderr);
    assert.deepEqual(drains(calls), [
      "kubectl drain worker-01 --ignore-daemonsets --delete-emptydir-data --timeout=30s",
    ]);
    assert.equal(node().spec?.unschedulable, true);
    assert.equal(node().metadata?.annotations?.[annotation], version);
    assert.equal(
      machine.read(noted),
      "/apis/apps/v1/namespaces/default/replicasets/web\n/apis/apps/v1/namespaces/default/statefulsets/db\n"
        .split("\n")
        .sort()
        .filter(Boolean)
        .join("\n") + "\n",
    );
  });

  it("keeps its pods for another patch, unless the file asks otherwise, and for the version that it runs", () => {
    pods();
    for (const [was, drain, wanted] of [
      ["1.36.1", "minor", 0],
      ["1.36.1", "always", 1],
      [version, "always", 0],
    ] as const) {
      runs(was);
      const { status, stderr, calls } = vacate(drain);
      assert.equal(status, 0, stderr);
      assert.equal(drains(calls).length, wanted, `${was} ${drain}`);
    }
  });

  it("takes pods again where some do not leave, whose budget is named", () => {
    runs("1.35.4");
    pods({ kind: "ReplicaSet", name: "web" });
    workload("replicasets", "web", 2);
    machine.write("state/undrainable", "");
    const why = "The disruption budget tight needs 2 healthy pods and has 2 currently";
    machine.write(
      "state/eviction",
      JSON.stringify({ code: 429, message: "no", details: { causes: [{ message: why }] } }),
    );
    const outcome = vacate();
    assertRefused(
      outcome,
      new RegExp(`worker-01 could not be emptied within 30 s .*pod-0: ${why}`),
    );
    assert.match(outcome.stderr, /cluster\.kubernetes\.rollout\.drain_seconds.*takes pods again/);
    assert.notEqual(node().spec?.unschedulable, true);
    assert.ok(!machine.exists(noted));
  });

  it("stays cordoned by whoever cordoned it before", () => {
    runs("1.35.4", { spec: { unschedulable: true } });
    pods();
    assert.equal(vacate().status, 0);
    assert.equal(node().metadata?.annotations?.[annotation], undefined);
    runs(version, { spec: { unschedulable: true } });
    const admit = machine.run(programOf(small, "worker-01-admit"));
    assert.equal(admit.status, 0, admit.stderr);
    assert.equal(node().spec?.unschedulable, true);
  });

  it("takes pods again when it is in, and the next one's turn comes when what it had is available", () => {
    const metadata = { annotations: { [annotation]: version } };
    runs(version, { metadata, spec: { unschedulable: true } });
    machine.write(noted, "/apis/apps/v1/namespaces/default/replicasets/web\n");
    workload("replicasets", "web", 1);
    const admit = programOf(small, "worker-01-admit", { READY_WITHIN: "1" });
    assertRefused(
      machine.run(admit),
      /worker-01 runs Kubernetes 1\.36\.3, and namespaces\/default\/replicasets\/web, which it was emptied of, is not available again/,
    );
    assert.equal(node().spec?.unschedulable ?? false, false);
    workload("replicasets", "web", 2);
    const { status, stderr } = machine.run(admit);
    assert.equal(status, 0, stderr);
    assert.ok(!machine.exists(noted));
  });

  /** A program that the cluster installed some time ago. */
  const place = (program: string) => {
    machine.write(program.slice(1), "old");
    const record = "var/lib/cluster-state/files";
    machine.write(record, `${machine.read(record)}${machine.root}${program}\n`);
  };
  const names = (unit: string, program: string) =>
    machine.write(
      `etc/systemd/system/${unit}.service`,
      `[Service]\nExecStart=${machine.root}${program} \\\n  --a=b\n`,
    );

  it("loses the version that it ran as soon as it runs the new one, and not before", () => {
    take(machine, small, "worker-01");
    for (const step of ["prepare", "credentials"])
      assert.equal(machine.run(stepOf(small, "worker-01", step)).status, 0);
    const former = servicePath("kubelet", versionsAt("1.35.4"));
    place(former);
    names("kubelet", former);
    const kubelet = programOf(small, "worker-01-kubelet");
    runs("1.35.4");
    assertRefused(machine.run(replaced(kubelet, "wait_for 120", "wait_for 0")), /was not Ready/);
    assert.ok(machine.exists(former.slice(1)), "there is no way back");
    assert.ok(machine.read("etc/systemd/system/kubelet.service").includes(former));
    runs(version);
    const { status, stderr } = machine.run(kubelet);
    assert.equal(status, 0, stderr);
    assert.ok(!machine.exists(former.slice(1)));
  });

  it("loses the programs of versions that no unit names any more, and no others", () => {
    take(machine, small, "worker-01");
    assert.equal(machine.run(stepOf(small, "worker-01", "prepare")).status, 0);
    const [former, older, named] = [
      "/usr/local/bin/kubelet",
      servicePath("kubelet", versionsAt("1.34.1")),
      servicePath("kube-proxy", versionsAt("1.35.4")),
    ] as const;
    for (const program of [former, older, named, "/usr/local/bin/kubeadm"]) place(program);
    names("kube-proxy", named);
    const { status, stdout, stderr } = machine.run(stepOf(small, "worker-01", "prepare"));
    assert.equal(status, 0, stderr);
    assert.equal(stdout, "changed: 2");
    for (const [program, stays] of [
      [former, false],
      [older, false],
      [named, true],
      ["/usr/local/bin/kubeadm", true],
      [servicePath("kubelet", versionsAt()), true],
    ] as const)
      assert.equal(machine.exists(program.slice(1)), stays, program);
    assert.ok(!machine.exists("usr/local/lib/groundwork/kubernetes-1.34.1"));
    assert.doesNotMatch(machine.read("var/lib/cluster-state/files"), /1\.34\.1|bin\/kubelet$/m);
  });

  it("is called Ready when its kubelet says so of the new version, not when the former one did", () => {
    take(machine, small, "worker-01");
    runs("1.35.4");
    machine.run(programOf(small, "worker-01-credentials"));
    const kubelet = replaced(programOf(small, "worker-01-kubelet"), "wait_for 120", "wait_for 0");
    assertRefused(machine.run(kubelet), /the node was not Ready with Kubernetes 1\.36\.3 within/);
  });
});
