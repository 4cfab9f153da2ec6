import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";

describe("whoever votes", () => {
  let small: Graph;
  let ceph: Graph;
  let machine: FakeMachine;
  before(async () => {
    small = await recordSample("small");
    ceph = await recordSample("ceph");
  });
  beforeEach(() => {
    machine = new FakeMachine();
  });
  afterEach(() => machine.close());

  // The kernel takes connections for it while the step runs.
  const listener = createServer().listen(0, "127.0.0.1");
  after(() => listener.close());

  /**
   * What a monitor says of them all, the last `down` of which are down: in turn just
   * stopped, which the quorum has not noticed, and out of it for long.
   */
  function quorumOf(names: readonly string[], down: number) {
    const { port } = listener.address() as AddressInfo;
    const alive = names.length - down;
    const stopped = (rank: number) => rank >= alive && (rank - alive) % 2 === 0;
    const mons = names.map((name, rank) => ({
      name,
      rank,
      public_addr: `127.0.0.1:${stopped(rank) ? 1 : port}/0`,
    }));
    const quorum = mons.filter(({ rank }) => rank < alive || stopped(rank));
    return JSON.stringify({ monmap: { mons }, quorum: quorum.map(({ rank }) => rank) });
  }

  const hold = (node: string) => machine.lock("uuid-of-cluster-id", node);

  /** How many members there are beside this one, how many of them are down, and whether this one may go. */
  const leaving: readonly (readonly [number, number, boolean])[] = [
    [1, 0, true],
    [2, 0, true],
    [2, 1, false],
    [3, 1, true],
    [4, 1, true],
    [4, 2, false],
  ];
  for (const [others, down, may] of leaving) {
    const text = `of ${others} that would stay ${down} down`;

    it(`${may ? "may" : "may not"} leave etcd: ${text}`, () => {
      hold("master-02");
      machine.write("var/lib/etcd/member/data", "");
      machine.write("state/units/etcd.service.active", "");
      const ips = [
        "10.0.0.12",
        ...Array.from({ length: others }, (_, i) => `10.0.0.${11 + 2 * i}`),
      ];
      const member = (ip: string, i: number) =>
        `${i + 1}, started, m${i}, https://${ip}:2380, , false\n`;
      machine.write("state/members", ips.map(member).join(""));
      machine.write("state/down", ips.slice(1).reverse().slice(0, down).join("\n"));
      const outcome = machine.run(programOf(small, "master-02-etcd"), "delete");
      const acts = outcome.calls.flatMap(
        (call) => /(move-leader|member remove) \d+/.exec(call)?.[0] ?? [],
      );
      if (may) {
        assert.equal(outcome.status, 0, outcome.stderr);
        assert.equal(acts.at(-1), "member remove 1");
        const [heir = ""] = /\d+$/.exec(acts[0] ?? "") ?? [];
        assert.match(acts[0] ?? "", /^move-leader/, "it leaves as the leader");
        assert.ok(
          Number(heir) > 1 && Number(heir) <= 1 + others - down,
          `its heir ${heir} is down`,
        );
      } else {
        assertRefused(outcome, /would lose its quorum/);
        assert.deepEqual(acts, []);
      }
    });

    it(`${may ? "may" : "may not"} leave the monitors: ${text}`, () => {
      hold("master-01");
      machine.write("var/lib/ceph/mon/ceph-master-01/done", "");
      const names = ["master-01", ...Array.from({ length: others }, (_, i) => `m${i}`)];
      machine.write("state/ceph/quorum_status", quorumOf(names, down));
      const outcome = machine.run(programOf(ceph, "ceph-master-01-mon"), "delete");
      const acts = outcome.calls.filter((call) => call.includes(" mon rm "));
      if (may) assert.equal(outcome.status, 0, outcome.stderr);
      else assertRefused(outcome, /monitors that would stay only/);
      assert.equal(acts.length, may ? 1 : 0);
      assert.equal(machine.exists("var/lib/ceph/mon/ceph-master-01/done"), !may);
    });

    it(`${may ? "may" : "may not"} lose the role ceph-mon: ${text}`, () => {
      hold("master-01");
      const names = ["goes", ...Array.from({ length: others }, (_, i) => `m${i}`)];
      machine.write("state/asok", quorumOf(names, down));
      const vars = { MONITORS: names.slice(1).join(" ") };
      const host = replaced(programOf(ceph, "ceph-master-01-host", vars), "poll 30", "poll 0");
      const outcome = machine.run(host);
      if (may) assert.equal(outcome.status, 0, outcome.stderr);
      else assertRefused(outcome, /no majority/, /takes the role ceph-mon from goes;/);
      assert.equal(machine.exists("etc/ceph/ceph.conf"), may);
    });
  }

  it("may not go as the last one", () => {
    hold("master-02");
    machine.write("var/lib/etcd/member/data", "");
    machine.write("state/down", "10.0.0.11\n10.0.0.13\n");
    assertRefused(machine.run(programOf(small, "master-02-etcd"), "delete"), /no other member/);
    hold("master-01");
    machine.write("var/lib/ceph/mon/ceph-master-01/done", "");
    machine.write("state/ceph/quorum_status", quorumOf(["master-01"], 0));
    const outcome = machine.run(programOf(ceph, "ceph-master-01-mon"), "delete");
    assertRefused(outcome, /is the last monitor/);
    assert.ok(machine.exists("var/lib/ceph/mon/ceph-master-01/done"));
  });
});
