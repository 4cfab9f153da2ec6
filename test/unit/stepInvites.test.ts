import assert from "node:assert/strict";
import { clusterRoleBindings } from "../../manifests/rbac";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf } from "./fakeMachine";
import { inviteOf, take } from "./furnish";

const map = "state/api/api_v1_namespaces_kube-system_configmaps_groundwork-nodes";
const token = "state/api/api_v1_namespaces_kube-system_secrets_bootstrap-token-abcdef";
const node = "state/api/api_v1_nodes_worker-01";

describe("a master that lets a node join", function () {
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

  const invite = () => machine.run(inviteOf(small, "worker-01", "master-01"));
  const admit = () => machine.run(programOf(small, "worker-01-admit"));
  const declared = () => {
    const { data } = JSON.parse(machine.read(map)) as { data: Record<string, string> };
    return JSON.parse(data["worker-01"] ?? "null") as Record<string, unknown> | null;
  };

  it("declares it for as long as its token is good, before it mints it", () => {
    const { status, stderr, calls } = invite();
    assert.equal(status, 0, stderr);
    const { stringData, type } = JSON.parse(machine.read(token)) as {
      stringData: Record<string, string>;
      type: string;
    };
    const until = stringData.expiration ?? "";
    const minutes = (Date.parse(until) - Date.now()) / 60_000;
    assert.ok(minutes > 13 && minutes <= 15, `good for ${minutes} minutes`);
    assert.deepEqual(declared(), { ip: "10.0.0.21", token: "abcdef", until, taints: [] });
    assert.equal(type, "bootstrap.kubernetes.io/token");
    assert.deepEqual(
      Object.keys(stringData).filter((key) => key.startsWith("usage-")),
      ["usage-bootstrap-authentication"],
    );
    const joins = clusterRoleBindings.find(({ role }) => role === "system:node-bootstrapper");
    assert.equal(stringData["auth-extra-groups"], joins?.subject.name, "who may ask to join");
    assert.ok(!calls.some((call) => /^curl .*SECRET/.test(call)), "the token is an argument");
    const writes = calls.filter((call) => call.startsWith("curl PATCH"));
    assert.match(writes[0] ?? "", /configmaps/);
    assert.match(writes[1] ?? "", /secrets/);
  });

  it("keeps it declared for good where it was let in and somebody deleted its Node", () => {
    invite();
    assert.equal(admit().status, 0);
    const { identity } = declared() ?? {};
    assert.ok(identity);
    machine.remove(node);
    assert.equal(invite().status, 0);
    // Its `admit` does not run again: nothing would take the time limit away.
    assert.deepEqual(declared(), { ip: "10.0.0.21", token: "abcdef", identity, taints: [] });
    assert.ok(machine.exists(token));
  });

  it("writes nothing where it is not told what is declared", () => {
    invite();
    assert.equal(admit().status, 0);
    const before = declared();
    machine.write("state/overloaded", map.replace("state/api/", ""));
    for (const run of [invite, admit]) {
      assertRefused(run(), /the API server does not tell what is declared of worker-01/);
      assert.deepEqual(declared(), before);
    }
  });

  it("does nothing for a machine that is in", () => {
    invite();
    assert.equal(admit().status, 0);
    const before = machine.snapshot();
    const { stdout, calls } = invite();
    assert.equal(stdout, "unchanged");
    assert.deepEqual(machine.snapshot(), before);
    assert.ok(!calls.some((call) => /^curl (?!GET)/.test(call)), calls.join("\n"));
    assert.ok(!machine.exists(token));
  });

  it("mints anew after a run that was cut short anywhere, and for a Node that is gone", () => {
    invite();
    machine.remove(token);
    assert.equal(invite().stdout, "changed: 1");
    assert.equal(admit().status, 0);
    machine.remove(node);
    assert.equal(invite().stdout, "changed: 1");
    assert.equal(invite().stdout, "changed: 1", "it counts as in");
  });

  it("invites another machine of the same name, and keeps the taints that the former was given", () => {
    const taints = [{ key: "disk", value: "slow", effect: "NoSchedule" }];
    const former = JSON.stringify({ ip: "10.0.0.99", identity: "another", taints });
    machine.write(map, JSON.stringify({ data: { "worker-01": former } }));
    assert.equal(invite().stdout, "changed: 1");
    const { ip, identity, taints: kept } = declared() ?? {};
    assert.deepEqual([ip, identity, kept], ["10.0.0.21", undefined, taints]);
  });

  it("finishes what began long ago: the declaration that ran out is made again", () => {
    invite();
    machine.remove(token);
    const { status, stderr, calls } = admit();
    assert.equal(status, 0, stderr);
    assert.deepEqual(declared(), {
      ...{ ip: "10.0.0.21", identity: "uuid-of-worker-01-identity", taints: [] },
    });
    const first = calls.findIndex((call) => /^curl PATCH .*configmaps/.test(call));
    const waits = calls.findIndex((call) => /^curl GET .*nodes\/worker-01/.test(call));
    assert.ok(first >= 0 && first < waits, "it waits for what nobody would approve");
    assert.doesNotMatch(calls[first + 1] ?? "", /until|token/);
  });

  it("says whom it could not let in, and what to do", () => {
    machine.write("var/lib/cluster-state/lock", "cluster_id=another\n");
    assertRefused(invite(), /invitation of worker-01 failed on master-01 \(/);
  });
});
