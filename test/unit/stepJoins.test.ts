import assert from "node:assert/strict";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";
import { clusterId, furnish } from "./furnish";

describe("a master that joins etcd", function () {
  let small: Graph;
  let machine: FakeMachine;
  before(async () => {
    small = await recordSample("small");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    furnish(machine, small, "master-02");
    machine.lock(clusterId, "master-02");
  });
  afterEach(() => machine.close());

  const join = () => programOf(small, "master-02-etcd");
  const changes = (calls: readonly string[]) =>
    calls.flatMap((call) => / (member (?:add|remove|promote) .*)/.exec(call)?.[1] ?? []);
  const own = "https://10.0.0.12:2380";
  const add = `member add master-02 --learner --peer-urls=${own}`;

  it("is a learner first, and votes when it has caught up", () => {
    const { status, stderr, calls } = machine.run(join());
    assert.equal(status, 0, `steps/etcd/etcd.sh: ${stderr}`);
    assert.deepEqual(changes(calls), [add, "member promote 99"], "steps/etcd/etcd.sh");
    const started = calls.findIndex((call) => /^systemctl start .*etcd/.test(call));
    const added = calls.findIndex((call) => call.endsWith(add));
    assert.ok(added < started, "steps/etcd/etcd.sh starts a member that nobody knows");
  });

  const place = `7, unstarted, , ${own}, , true\n`;
  const awaited = (id: number) => `groundwork/awaited/${id}\n`;
  const others = () => machine.read("state/members");

  it("takes the place that was kept for it at etcd's birth, beside others that are not settled", () => {
    const third = "8, started, master-03, https://10.0.0.13:2380, , true\n";
    machine.write("state/members", others().replace(/^.*10\.0\.0\.13.*\n/m, third) + place);
    machine.write("state/places", awaited(7));
    const { status, stderr, calls } = machine.run(join());
    assert.equal(status, 0, `steps/etcd/etcd.sh: ${stderr}`);
    assert.deepEqual(changes(calls), ["member promote 7"]);
    assert.equal(machine.read("state/places"), "");
    assert.match(
      machine.read("etc/etcd/initial.env"),
      /^ETCD_INITIAL_CLUSTER=\S*master-02=https:\/\/10\.0\.0\.12:2380(,|$)/m,
    );
  });

  it("puts data aside that is there before it has taken its place", () => {
    machine.write("var/lib/etcd/member/wal", "old");
    machine.write("state/members", others() + place);
    machine.write("state/places", awaited(7));
    assert.equal(machine.run(join()).status, 0);
    assert.match(machine.snapshot().join("\n"), /var\/lib\/etcd\/removed-\w+\/wal .* old/);
  });

  it("keeps its data where nobody who answers can say whose it is", () => {
    machine.write("var/lib/etcd/member/wal", "mine");
    machine.write("state/members", others() + place);
    machine.write("state/learners", "10.0.0.11\n10.0.0.13\n127.0.0.1\n");
    machine.run(replaced(join(), /wait_for \d+/g, "wait_for 0"));
    assert.equal(machine.read("var/lib/etcd/member/wal"), "mine");
  });

  it("asks a voter, and no learner, which says as well that it is healthy", () => {
    machine.write("state/learners", "10.0.0.11\n");
    const { status, stderr, calls } = machine.run(join());
    assert.equal(status, 0, `steps/etcd/etcd.sh: ${stderr}`);
    const asked = calls.filter((call) => / member (add|promote)/.test(call));
    for (const call of asked) assert.match(call, /10\.0\.0\.13/);
  });

  it("comes with another id when its place was taken once, and its data is not there", () => {
    machine.write("state/members", others() + place);
    const { status, stderr, calls } = machine.run(join());
    assert.equal(status, 0, `steps/etcd/etcd.sh: ${stderr}`);
    assert.deepEqual(changes(calls), ["member remove 7", add, "member promote 99"]);
  });

  it("does not wait for a master that never came, and clears away one that the file does not have any more", () => {
    const never = (id: number, ip: string) => `${id}, unstarted, , https://${ip}:2380, , true\n`;
    const first = /^.*10\.0\.0\.11.*\n/m.exec(others())?.[0] ?? "";
    machine.write("state/members", first + never(5, "10.0.0.13") + never(6, "10.0.0.99"));
    machine.write("state/places", awaited(5) + awaited(6));
    const { status, stderr, calls } = machine.run(join());
    assert.equal(status, 0, `steps/etcd/etcd.sh: ${stderr}`);
    const [removed, added] = changes(calls);
    assert.deepEqual([removed, added], ["member remove 6", add]);
    assert.equal(machine.read("state/places"), awaited(5));
  });

  it("keeps a place for each other master when etcd is born, and notes that it is free", () => {
    machine.lock(clusterId, "master-01");
    machine.write("state/members", "1, started, master-01, https://10.0.0.11:2380, , false\n");
    machine.write("state/down", "10.0.0.11\n10.0.0.12\n10.0.0.13\n");
    const birth = programOf(small, "etcd-genesis");
    const { status, stderr, calls } = machine.run(birth);
    assert.equal(status, 0, `steps/genesis/genesis.sh: ${stderr}`);
    const at = (ip: string) => `member add ${ip} --learner --peer-urls=https://${ip}:2380`;
    assert.deepEqual(changes(calls), [at("10.0.0.12"), at("10.0.0.13")]);
    assert.equal(machine.read("state/places"), awaited(99) + awaited(100));
    machine.write("state/learners", "127.0.0.1\n");
    assertRefused(machine.run(birth), /etcd does not say who is a member of it/);
    machine.remove("state/learners");
    // Killed before it was noted, and once more: a place that is not noted as free is nobody's.
    machine.write("state/places", "");
    assert.equal(machine.run(birth).status, 0);
    assert.equal(machine.read("state/places"), "");
  });

  it("is told that it is a member already when the answer to its joining got lost", () => {
    machine.write("state/unanswered", "");
    const { status, stderr, calls } = machine.run(replaced(join(), "wait_for 60", "wait_for 5"));
    assert.equal(status, 0, `steps/etcd/etcd.sh: ${stderr}`);
    assert.deepEqual(changes(calls), [add, add, "member promote 99"]);
  });

  it("is never the first of a second cluster: a birth finds the one that lives", () => {
    machine.lock(clusterId, "master-01");
    const { status, stdout, stderr, calls } = machine.run(programOf(small, "etcd-genesis"));
    assert.equal(status, 0, `steps/genesis/genesis.sh: ${stderr}`);
    assert.equal(stdout, "unchanged");
    assert.match(stderr, /the cluster lives already: 10\.0\.0\.\d+ is a member/);
    assert.ok(
      !machine.exists("etc/etcd/initial.env"),
      "steps/genesis/genesis.sh begins another cluster",
    );
    assert.deepEqual(
      calls.filter((call) => /^systemctl (start|--root)/.test(call)),
      [],
    );
  });

  it("takes the place of what it was before it lost its data", () => {
    machine.write(
      "state/members",
      `${machine.read("state/members")}7, started, me, ${own}, , false\n`,
    );
    const { status, stderr, calls } = machine.run(join());
    assert.equal(status, 0, `steps/etcd/etcd.sh: ${stderr}`);
    assert.deepEqual(changes(calls), ["member remove 7", add, "member promote 99"]);
  });

  it("puts the data aside with which the others do not know it any more", () => {
    machine.write("var/lib/etcd/member/wal", "old");
    const { status, stderr, calls } = machine.run(join());
    assert.equal(status, 0, `steps/etcd/etcd.sh: ${stderr}`);
    assert.ok(
      !machine.exists("var/lib/etcd/member/wal"),
      "steps/etcd/etcd.sh starts with old data",
    );
    assert.match(machine.snapshot().join("\n"), /var\/lib\/etcd\/removed-\w+\/wal .* old/);
    assert.deepEqual(changes(calls), [add, "member promote 99"]);
  });

  it("waits until all others are healthy voters, and changes nothing before", () => {
    const at = (n: number, kind: string) =>
      `${n}, started, m${n}, https://10.0.0.1${n}:2380, , ${kind}`;
    machine.write("state/members", `${at(1, "false")}\n${at(3, "true")}\n`);
    const outcome = machine.run(replaced(join(), "wait_for 120", "wait_for 0"));
    assertRefused(outcome, /the other members of etcd are not all healthy voters/);
    assert.deepEqual(changes(outcome.calls), []);
  });

  it("is started anew when it has the leader's data and serves nobody", () => {
    machine.write("state/silent", "");
    const { status, stderr, calls } = machine.run(join());
    assert.equal(status, 0, `steps/etcd/etcd.sh: ${stderr}`);
    assert.ok(calls.some((call) => /^systemctl restart .*etcd\.service/.test(call)));
    assert.deepEqual(changes(calls), [add, "member promote 99"]);
  });

  it("does not restart for new settings while another is ill", () => {
    assert.equal(machine.run(join()).status, 0);
    machine.write("state/down", "10.0.0.13\n");
    const changed = replaced(replaced(join(), /wait_for 60/g, "wait_for 0"), "=10000", "=10001");
    const outcome = machine.run(changed);
    assertRefused(outcome, /etcd must restart, but the other members are not all healthy/);
    assert.deepEqual(
      outcome.calls.filter((call) => /^systemctl restart/.test(call)),
      [],
    );
  });

  it("is asked whether it is well when it runs with what is new, and not before", () => {
    assert.equal(machine.run(join()).status, 0);
    machine.write("state/lingers", "");
    const { status, stderr, calls } = machine.run(replaced(join(), "=10000", "=10001"));
    assert.equal(status, 0, stderr);
    const restart = calls.findIndex((call) => /^systemctl restart .*etcd/.test(call));
    const asked = calls.slice(restart).findIndex((call) => /^curl .*\/health/.test(call));
    const looked = calls
      .slice(restart, restart + asked)
      .filter((call) => call.includes("ExecMainStartTimestamp"));
    assert.equal(looked.length, 2, calls.slice(restart).join("\n"));
  });

  it("stays the first master that it was born as", () => {
    machine.lock(clusterId, "master-01");
    machine.write("var/lib/cluster-state/node-role", "master-first\n");
    machine.write("var/lib/etcd/member/wal", "");
    machine.write("state/members", "1, started, master-01, https://10.0.0.11:2380, , false\n");
    machine.write("state/down", "10.0.0.12\n10.0.0.13\n");
    const { status, stderr, calls } = machine.run(programOf(small, "master-01-etcd"));
    assert.equal(status, 0, `steps/etcd/etcd.sh: ${stderr}`);
    assert.equal(machine.read("var/lib/cluster-state/node-role"), "master-first\n");
    assert.deepEqual(changes(calls), []);
  });
});
