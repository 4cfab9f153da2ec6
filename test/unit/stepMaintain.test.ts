import assert from "node:assert/strict";
import { wholeProgram } from "../graph/deliveries";
import { readProgram } from "../graph/program";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { mark } from "../../ssh/report";
import { type MaintainAction, maintainReport } from "../../steps/maintain";
import { assertRefused, FakeMachine, type Outcome, programOf, replaced } from "./fakeMachine";
import { clusterId, take } from "./furnish";

const boots = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
const restarts = (calls: readonly string[]) =>
  calls.filter((call) => /^systemd-run .*systemctl reboot$/.test(call)).length;
const upgrades = (calls: readonly string[]) =>
  calls.filter((call) => /^apt-get .* upgrade$/.test(call) && !/ -d /.test(call)).length;

describe("a machine that is maintained", function () {
  this.timeout(60_000);
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("maintained");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, graph, "worker-02");
    boot(0);
  });
  afterEach(() => machine.close());

  const boot = (n: number) => machine.write("proc/sys/kernel/random/boot_id", `${boots[n]}\n`);
  const run = (ACTION: MaintainAction | "verify", more: Record<string, string> = {}) =>
    machine.run(programOf(graph, "worker-02-maintain", { SINCE: "0", ACTION, ...more }));
  const stateOf = ({ status, stdout, stderr }: Outcome) => {
    assert.equal(status, 0, stderr);
    const line = stdout.split("\n").find((text) => text.startsWith(mark)) ?? "";
    return maintainReport.parse(JSON.parse(line.slice(mark.length))).state;
  };

  it("is restarted once for its number, and is done when it was back", () => {
    assert.equal(stateOf(run("look")), "due");
    assert.equal(stateOf(run("fetch")), "due");
    const first = run("restart");
    assert.deepEqual([stateOf(first), restarts(first.calls)], ["going", 1]);
    // Asked again before it went down, it upgrades nothing twice.
    const again = run("restart");
    assert.deepEqual([stateOf(again), upgrades(again.calls)], ["going", 0]);
    boot(1);
    const back = run("restart");
    assert.deepEqual([stateOf(back), restarts(back.calls)], ["back", 0]);
    assertRefused(run("verify"), /maintenance 2 was not done on worker-02/);
    assert.equal(stateOf(run("done")), "done");
    assert.equal(run("verify").status, 0);
    for (const number of ["1", "2"])
      assert.equal(stateOf(run("look", { MAINTENANCE: number })), "done", "a lower number is due");
    assert.equal(stateOf(run("look", { MAINTENANCE: "3" })), "due");
  });

  it("that came with its number has nothing to do", () => {
    assert.equal(stateOf(run("look", { SINCE: "2" })), "done");
    assert.equal(run("verify", { SINCE: "2" }).status, 0);
  });

  it("keeps services of packages from starting while they are upgraded, and no longer", () => {
    assert.equal(stateOf(run("restart")), "going");
    assert.match(machine.read("state/policy"), /exit 101/);
    assert.ok(!machine.exists("usr/sbin/policy-rc.d"));
    // Power was cut in the middle.
    machine.write("usr/sbin/policy-rc.d", "#!/bin/sh\n# groundwork\nexit 101\n", 0o755);
    boot(1);
    assert.equal(stateOf(run("done")), "done");
    assert.ok(!machine.exists("usr/sbin/policy-rc.d"));
  });

  it("is not called done where it was not restarted", () =>
    assertRefused(run("done"), /worker-02 was not restarted for maintenance 2/));

  it("is not troubled where a source does not answer, or packages cannot be fetched", () => {
    machine.write("state/sources", "W: Failed to fetch https://mirror/dists/trixie/InRelease\n");
    assertRefused(
      run("fetch"),
      /its package sources do not all answer: W: Failed to fetch https:\/\/mirror\//,
      /No pod has left worker-02, and nothing was restarted/,
    );
    machine.remove("state/sources");
    machine.write("state/unfetchable", "E: You don't have enough free space in /var/cache/apt\n");
    assertRefused(run("fetch"), /its packages cannot be fetched: E: You don't have enough free/);
  });

  it("is not restarted where a package could not be upgraded", () => {
    machine.write("state/broken-package", "dpkg: error processing package openssh-server\n");
    const outcome = run("restart");
    assertRefused(outcome, /its packages could not be upgraded: dpkg: error processing package/);
    assert.equal(restarts(outcome.calls), 0);
    assert.ok(!machine.exists("usr/sbin/policy-rc.d"));
    assert.equal(stateOf(run("look")), "due");
  });
});

describe("a node that is to be restarted", function () {
  this.timeout(60_000);
  const path = "state/api/api_v1_nodes_worker-02";
  const annotation = "groundwork/cordoned-for-maintenance";
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("maintained");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, graph, "master-01");
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
    machine.write("state/api/apis_storage.k8s.io_v1_volumeattachments", '{"items": []}');
    machine.write("state/units/kube-apiserver.service.active", "");
    ready = true;
    node();
    pods({ kind: "ReplicaSet", name: "web" });
    workload(2);
  });
  afterEach(() => machine.close());

  let ready = true;
  const node = (more: object = {}, ready = "True") =>
    machine.write(
      path,
      JSON.stringify({
        metadata: { annotations: {} },
        ...more,
        status: { nodeInfo: { bootID: boots[1] }, conditions: [{ type: "Ready", status: ready }] },
      }),
    );
  const pods = (...owners: readonly (object | undefined)[]) => {
    const items = owners.map((owner, i) => ({
      status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
      metadata: {
        namespace: "default",
        name: `pod-${i}`,
        ...(owner && { ownerReferences: [owner] }),
      },
    }));
    machine.write("state/api/api_v1_pods", JSON.stringify({ items }));
  };
  const workload = (available: number) =>
    machine.write(
      "state/api/apis_apps_v1_namespaces_default_replicasets_web",
      JSON.stringify({ spec: { replicas: 2 }, status: { availableReplicas: available } }),
    );
  const noted = "var/lib/groundwork/evicted/worker-02";
  const isCordoned = () => {
    const { spec, metadata } = JSON.parse(machine.read(path)) as {
      spec?: { unschedulable?: boolean };
      metadata: { annotations: Record<string, string> };
    };
    assert.equal(spec?.unschedulable === true, metadata.annotations[annotation] === "2");
    return spec?.unschedulable === true;
  };
  const step = (script: string, more: Record<string, string> = {}) =>
    machine.run(
      wholeProgram({
        script,
        variables: {
          NODE: "master-01",
          NODE_IP: "10.0.0.11",
          CLUSTER_ID: clusterId,
          CLUSTER_NAME: "sample",
          STEP: `${script} of worker-02`,
          TARGET: "worker-02",
          MAINTENANCE: "2",
          DRAIN_WITHIN: "30",
          READY_WITHIN: "1",
          BOOT: boots[1] ?? "",
          ...more,
        },
      }),
    );

  it("is emptied by eviction, and takes pods again when it is back and all that left it is available", () => {
    const left = step("leave");
    assert.equal(left.status, 0, left.stderr);
    assert.ok(left.calls.some((call) => call.startsWith("kubectl drain worker-02 ")));
    assert.ok(isCordoned());
    assert.match(machine.read(noted), /replicasets\/web/);
    workload(1);
    assertRefused(
      step("rejoin"),
      /worker-02 is back, and namespaces\/default\/replicasets\/web, .* is not available again/,
    );
    assert.ok(!isCordoned());
    workload(2);
    assert.equal(step("rejoin").status, 0);
    assert.ok(!machine.exists(noted));
  });

  it("is not back by what its kubelet said before the restart", () => {
    assert.equal(step("leave").status, 0);
    assertRefused(
      step("rejoin", { BOOT: "33333333-3333-4333-8333-333333333333" }),
      /worker-02 is not Ready again within 1 s/,
    );
    assert.ok(isCordoned());
  });

  it("is not back before its DaemonSets are that were there", () => {
    const owners = [
      { kind: "DaemonSet", name: "agent" },
      { kind: "ReplicaSet", name: "web" },
    ];
    pods(...owners);
    assert.equal(step("leave").status, 0);
    ready = false;
    pods(...owners);
    assertRefused(step("rejoin"), /pods of the DaemonSets default\/agent are not Ready again/);
    assert.ok(isCordoned());
    ready = true;
    pods(...owners);
    assert.equal(step("rejoin").status, 0);
    // What was ill before is nobody's to wait for.
    ready = false;
    pods(...owners);
    assert.equal(step("leave").status, 0);
    assert.equal(step("rejoin").status, 0);
  });

  it("stays cordoned by whoever cordoned it before", () => {
    node({ metadata: { annotations: {} }, spec: { unschedulable: true } });
    const isTheirs = () => assert.match(machine.read(path), /"unschedulable": ?true/);
    assert.equal(step("leave").status, 0);
    isTheirs();
    assert.equal(step("rejoin").status, 0);
    isTheirs();
  });

  for (const [why, prepare, says] of [
    [
      "a budget spares no pod of it",
      () => {
        machine.write("state/undrainable", "");
        const details = { causes: [{ message: "The disruption budget tight needs 2" }] };
        machine.write("state/eviction", JSON.stringify({ code: 429, details }));
      },
      /cannot be spared for maintenance 2: it could not be emptied within 30 s: .*The disruption budget tight/,
    ],
    ["a pod is of no controller", () => pods(undefined), /of no controller .*: default\/pod-0/],
    ["it is not Ready", () => node({}, "Unknown"), /it is not Ready/],
  ] as const)
    it(`is left as it was where ${why}`, () => {
      prepare();
      assertRefused(step("leave"), says, /worker-02 is as it was/);
      assert.ok(!isCordoned());
      assert.ok(!machine.exists(noted));
    });

  it("is not restarted as a master while another member of etcd is not healthy", () => {
    machine.write("state/units/etcd.service.active", "");
    machine.write("state/down", "10.0.0.13\n");
    machine.write("state/api/api_v1_nodes_master-01", machine.read(path));
    const outcome = step("leave", { TARGET: "master-01" });
    assertRefused(outcome, /the etcd member master-03 .* is not healthy/);
    machine.write("state/down", "");
    assert.equal(step("leave", { TARGET: "master-01" }).status, 0);
  });
});

describe("a machine of Ceph that is to be restarted", function () {
  this.timeout(60_000);
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("maintained");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, graph, "master-01");
    machine.write("state/ceph/osd dump", JSON.stringify({ osds: [osd(0, 1), osd(1, 1)] }));
    const host = { type: "host", name: "worker-02", children: [1] };
    machine.write("state/ceph/osd tree", JSON.stringify({ nodes: [host] }));
    const mons = ["master-01", "master-02", "master-03"].map((name) => ({ name }));
    machine.write("state/ceph/mon dump", JSON.stringify({ mons }));
    status();
  });
  afterEach(() => machine.close());

  const osd = (id: number, up: number) => ({ osd: id, up, in: 1, uuid: `${id}` });
  const status = ({
    pgs = "active+clean",
    quorum = ["master-01", "master-02", "master-03"],
    checks = {},
  } = {}) =>
    machine.write(
      "state/ceph/status",
      JSON.stringify({
        quorum_names: quorum,
        health: { status: Object.keys(checks).length > 0 ? "HEALTH_WARN" : "HEALTH_OK", checks },
        pgmap: { pgs_by_state: [{ state_name: pgs, count: 33 }] },
      }),
    );
  const flags = () =>
    (JSON.parse(machine.read("state/ceph/osd dump")) as { crush_node_flags?: object })
      .crush_node_flags ?? {};
  const step = (script: string, seconds = "1") => {
    const member = programOf(graph, "ceph-worker-02-osd-wwn-0x5000c500a1b2c3d4-member");
    const { variables } = readProgram(member);
    const more = { NODE: "master-01", STEP: script, MAINTENANCE: "2", CLEAN_WITHIN: seconds };
    const program = wholeProgram({ script, variables: { ...variables, ...more } });
    return machine.run(script === "ceph-back" ? replaced(program, "STALE=6", "STALE=0") : program);
  };

  it("keeps its data where they are until it is back, killed in between or not", () => {
    for (const again of [1, 2]) {
      const { status, stderr } = step("ceph-away");
      assert.equal(status, 0, `${again}: ${stderr}`);
      assert.deepEqual(flags(), { "worker-02": ["noout"] });
    }
    const down = JSON.stringify({
      osds: [osd(0, 1), osd(1, 0)],
      crush_node_flags: { "worker-02": ["noout"] },
    });
    machine.write("state/ceph/osd dump", down);
    assertRefused(step("ceph-back"), /not all of Ceph's daemons on worker-02 are back within 1 s/);
    assert.deepEqual(flags(), { "worker-02": ["noout"] });
    machine.write("state/ceph/osd dump", down.replace('"up":0', '"up":1'));
    const { status, stderr } = step("ceph-back");
    assert.equal(status, 0, stderr);
    assert.deepEqual(flags(), {});
  });

  it("is asked about until the manager that took over knows of its data", () => {
    machine.write("state/ceph/managers", "one\ntwo\n");
    const { status, stderr } = step("ceph-away", "60");
    assert.equal(status, 0, stderr);
    machine.write("state/ceph/managers", "not yet\n".repeat(1000));
    assertRefused(step("ceph-away"), /without osd\.1: 1 pgs have unknown state/);
    machine.remove("state/ceph/managers");
  });

  it("leaves alone what somebody else set", () => {
    const own = { osds: [osd(1, 1)], crush_node_flags: { "worker-02": ["noout"] } };
    machine.write("state/ceph/osd dump", JSON.stringify(own));
    assert.equal(step("ceph-back").status, 0);
    assert.deepEqual(flags(), { "worker-02": ["noout"] });
  });

  it("is waited for until Ceph complains of no more than before", () => {
    const old = { RECENT_CRASH: { summary: { message: "1 daemons have recently crashed" } } };
    status({ checks: old });
    assert.equal(step("ceph-away").status, 0);
    const clock = { MON_CLOCK_SKEW: { summary: { message: "clock skew detected" } } };
    status({ checks: { ...old, ...clock } });
    assertRefused(step("ceph-back"), /Ceph is worse than before it went, .*: clock skew detected/);
    status({ checks: old });
    assert.equal(step("ceph-back").status, 0);
  });

  for (const [why, prepare, says] of [
    [
      "not all data is whole",
      () => status({ pgs: "active+undersized+degraded" }),
      /33 placement groups are active\+undersized\+degraded/,
    ],
    [
      "another monitor is away",
      () => status({ quorum: ["master-01", "master-02"] }),
      /the monitors master-03 are not in the quorum/,
    ],
    [
      "its data is nowhere else",
      () => machine.write("state/ceph/stops", JSON.stringify({ bad_become_inactive: ["1.0"] })),
      /data would not be available without osd\.1: .*unsafe to stop/,
    ],
  ] as const)
    it(`is not spared where ${why}`, () => {
      prepare();
      assertRefused(step("ceph-away"), says, /worker-02 is as it was/);
      assert.deepEqual(flags(), {});
    });
});
