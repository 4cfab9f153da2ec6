import type { NodeFacts } from "../../policies/facts";
import { assertAllowed, assertRefused, cluster, nodes } from "./harness";

/** A cluster that had `before` and is to have `now`. */
const change = (before: readonly NodeFacts[], now: readonly NodeFacts[]) =>
  cluster({
    nodes: now,
    before: { nodes: Object.fromEntries(before.map(({ name, roles }) => [name, { roles }])) },
  });
const five = nodes({ master: 5 });
const osds = nodes({ "ceph-osd": 6 });

describe("policy few-masters-leave", () => {
  const policy = "few-masters-leave";

  it("allows the first update, and one master to leave", async () => {
    await assertAllowed(policy, [cluster()]);
    await assertAllowed(policy, [change(five, five.slice(1))]);
  });

  it("allows any number of workers to leave", () =>
    assertAllowed(policy, [change([...five, ...nodes({ worker: 9 })], five)]));

  it("refuses two, and names them", () =>
    assertRefused(
      policy,
      [change(five, five.slice(2))],
      [
        /^master-1, master-2: 2 masters would be removed at once, and 1 may;/,
        "put all but 1 back into the cluster file",
        "few-masters-leave.maximum",
      ],
    ));

  it("counts a master that stays as a worker", () => {
    const demoted = five.map((node, i) => (i < 2 ? { ...node, roles: ["worker" as const] } : node));
    return assertRefused(policy, [change(five, demoted)], [/^master-1, master-2: /]);
  });

  it("lets an operator allow more", () =>
    assertAllowed(policy, [change(five, five.slice(2))], { maximum: 2 }));
});

describe("policy few-osd-hosts-leave", () => {
  const policy = "few-osd-hosts-leave";

  it("allows a third", async () => {
    await assertAllowed(policy, [change(osds, osds.slice(2))]);
    await assertAllowed(policy, [change(osds.slice(3), osds.slice(4))]);
  });

  it("refuses more, and names them", () =>
    assertRefused(
      policy,
      [change(osds, osds.slice(3))],
      [
        /^ceph-osd-1, ceph-osd-2, ceph-osd-3: 3 of 6 hosts with OSDs would be removed at once, which is more than 33 %;/,
        "wait until Ceph is healthy",
        "few-osd-hosts-leave.percent",
      ],
    ));

  it("lets an operator allow more", () =>
    assertAllowed(policy, [change(osds, osds.slice(3))], { percent: 50 }));
});
