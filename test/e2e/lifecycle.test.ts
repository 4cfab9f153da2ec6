import assert from "node:assert/strict";
import { CephCluster } from "./cephCluster";
import { assertIsTheFile, leftovers, unlock } from "./expected";
import { converge, eventually, must, without } from "./lab";
import { Operator } from "./operator";

/** Steps that ran on other machines than `node`; what the machines of Ceph are told of each other left out. */
const elsewhere = (ran: readonly string[], node: string) =>
  ran.filter((name) => !new RegExp(`^(ceph-)?${node}-`).test(name));

/** A step that no life of a node may run again on another one. */
const birth = /^(etcd-genesis|ceph-genesis|master-\d+-)/;

describe("living with the file", function () {
  this.timeout(600_000);

  it("removes the first master and first monitor like any other, and wipes it", async () => {
    const restore = without("master-01");
    try {
      const ran = converge();
      await assertIsTheFile();
      assert.equal(leftovers("master-01"), "");
      must("lab/ssh master-02 'ls /var/lib/groundwork/snapshots/*.before-removal.db.zst'");
      assert.deepEqual(
        elsewhere(ran, "master-01").filter((name) => birth.test(name)),
        [],
      );
    } finally {
      restore();
    }
  });

  it("adds it again, and touches no other master", async () => {
    const ran = converge();
    await assertIsTheFile();
    assert.deepEqual(
      elsewhere(ran, "master-01").filter((name) => birth.test(name)),
      [],
    );
  });

  it("removes a worker by that worker's steps alone, and adds it though the operator is killed thrice and one master admits nobody", async () => {
    const restore = without("worker-02");
    try {
      assert.deepEqual(elsewhere(converge(), "worker-02"), []);
      await assertIsTheFile();
    } finally {
      restore();
    }
    // Any other master's answers what it asks.
    const first = (what: string) =>
      must(`lab/ssh master-01 systemctl ${what} groundwork-admission`);
    first("stop");
    for (const step of ["prepare", "kubelet", "admit"]) {
      const operator = new Operator();
      await operator.until((progress) => progress.step.endsWith(` worker-02-${step}`));
      operator.kill();
      await operator.result;
      unlock();
    }
    assert.deepEqual(elsewhere(converge(), "worker-02"), []);
    first("start");
    await assertIsTheFile();
  });

  it("takes a master, monitor and storage host whose disk was wiped back in, under its new host key", async () => {
    must("lab/node wipe master-02");
    must("lab/node start master-02; lab/nodes.sh config");
    assert.deepEqual(elsewhere(converge(), "master-02"), []);
    await assertIsTheFile();
    const ceph = new CephCluster("master-01");
    await eventually(
      () => ceph.assertWhole(["master-01", "master-02", "master-03"], [0, 1, 2]),
      180,
    );
  });
});
