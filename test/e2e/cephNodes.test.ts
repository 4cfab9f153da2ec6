import assert from "node:assert/strict";
import { CephCluster } from "./cephCluster";
import { editCluster, eventually, must, on, setNode, settle, up, without } from "./lab";

const monitors = ["store-01", "store-02", "store-03"];
const file = "test/e2e/clusters/storage.yaml";
const ceph = new CephCluster("store-02");

/** Forty objects of a megabyte that nobody can guess, kept on the machine to compare with. */
const objects = "/root/objects";
const write = `mkdir -p ${objects}; for i in {1..40}; do head -c 1M /dev/urandom >${objects}/$i; rados --pool kubernetes put $i ${objects}/$i; done`;
const differing = `for i in {1..40}; do rados --pool kubernetes get $i - | cmp -s - ${objects}/$i || echo $i; done`;
const nothingIsLost = () => assert.equal(ceph.run(`bash -c '${differing}'`), "");

interface TreeNode {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly pgs: number;
  readonly children?: readonly number[];
}

/** The hosts of OSDs as the cluster sees them, each with how many placement groups it has. */
function hosts(): Record<string, number> {
  const { nodes } = ceph.ask<{ nodes: TreeNode[] }>("osd df tree");
  const pgs = new Map(nodes.map((node) => [node.id, node.pgs]));
  return Object.fromEntries(
    nodes
      .filter(({ type }) => type === "host")
      .map(({ name, children = [] }) => [
        name,
        children.reduce((sum, id) => sum + (pgs.get(id) ?? 0), 0),
      ]),
  );
}
const osdHosts = () => Object.keys(hosts()).sort();
const copies = () =>
  ceph
    .ask<{ pool_name: string; size: number }[]>("osd pool ls detail")
    .map(({ pool_name, size }) => `${pool_name} ${size}`)
    .sort();
const threeCopies = [".mgr 3", "kubernetes 3"];

/** Healthy, with these monitors and with OSDs on these hosts, and no object has changed. */
async function isWhole(mons: readonly string[], stores: readonly string[]): Promise<void> {
  await eventually(() => {
    ceph.assertWhole(
      mons,
      ceph.osds().map(({ osd }) => osd),
    );
    assert.deepEqual(osdHosts(), stores);
  }, 120);
  nothingIsLost();
  assert.deepEqual(copies(), threeCopies);
}

/** `up` with the file as it is now fails for this reason, and the cluster is the same as before. */
function isRefused(reason: RegExp, restore: () => void): void {
  const before = [ceph.run("ceph mon dump 2>/dev/null"), osdHosts(), copies()];
  const { status, output } = up();
  restore();
  assert.notEqual(status, 0);
  assert.match(output, reason);
  assert.deepEqual([ceph.run("ceph mon dump 2>/dev/null"), osdHosts(), copies()], before);
}

/** On the lab of `clusters/storage.yaml`: three monitors, and one machine with an OSD more than data has copies. */
describe("machines of Ceph that come and go", function () {
  this.timeout(900_000);

  it("refuses to lower the number of copies because a machine leaves", () => {
    const restore = without("store-04");
    settle();
    ceph.run(`bash -c '${write}'`);
    const all = editCluster((cluster) => {
      cluster.deleteIn(["nodes", 2, "storage"]);
      cluster.setIn(["nodes", 2, "roles"], ["ceph-mon"]);
    });
    isRefused(/pool kubernetes keeps 3 copies; .* enough for 2[^]*say pool_size: 2/, all);
    restore();
  });

  it("takes a machine with an OSD, which fills", async () => {
    settle();
    await isWhole(monitors, [...monitors, "store-04"]);
    assert.ok((hosts()["store-04"] ?? 0) > 0, "store-04 has no data");
  });

  it("refuses that a monitor leaves whose leaving would cost the quorum", async () => {
    must("lab/ssh store-01 systemctl stop ceph-mon@store-01");
    isRefused(
      /takes the role ceph-mon from store-03; of the monitors there are now 2 would stay, of which 1 are in the quorum/,
      without("store-03"),
    );
    must("lab/ssh store-01 systemctl start ceph-mon@store-01");
    await isWhole(monitors, [...monitors, "store-04"]);
  });

  it("refuses to move the monitors to another machine all at once", async () => {
    isRefused(
      /takes the role ceph-mon from store-01,store-02,store-03; .* now 0 would stay/,
      editCluster((cluster) => {
        for (const index of [0, 1, 2]) cluster.setIn(["nodes", index, "roles"], ["ceph-osd"]);
        cluster.setIn(["nodes", 3, "roles"], ["ceph-mon", "ceph-osd"]);
      }),
    );
    settle();
    await isWhole(monitors, [...monitors, "store-04"]);
  });

  it("drains a machine that leaves, loses nothing, and hands it back bare", async () => {
    const restore = without("store-03");
    settle();
    await isWhole(["store-01", "store-02"], ["store-01", "store-02", "store-04"]);
    assert.equal(on("store-03", "ls /var/lib/cluster-state /var/lib/osd/disk.img").stdout, "");
    restore();
    settle();
    await isWhole(monitors, [...monitors, "store-04"]);
  });

  it("refuses to forget a machine that lives", async () => {
    isRefused(
      /store-01 \(10\.77\.0\.31\) is not lost: mon\.store-01 osd\.\d+ runs/,
      setNode("store-01", "lost", true),
    );
    settle();
    await isWhole(monitors, [...monitors, "store-04"]);
  });

  it("forgets the first machine without dialling it, and loses nothing", async () => {
    must("lab/node kill store-01");
    setNode("store-01", "lost", true);
    settle();
    const left = ["store-02", "store-03", "store-04"];
    await isWhole(["store-02", "store-03"], left);
    const restore = without("store-01");
    settle();
    await isWhole(["store-02", "store-03"], left);
    restore();
  });

  it("goes on with fewer machines than copies, and says so", async () => {
    must("lab/node kill store-04");
    setNode("store-04", "lost", true);
    settle();
    await eventually(() => assert.deepEqual(osdHosts(), ["store-02", "store-03"]));
    nothingIsLost();
    assert.deepEqual(copies(), threeCopies);
    assert.match(ceph.run("ceph health"), /^HEALTH_WARN Degraded data redundancy/);
    ceph.run("rados --pool kubernetes put written /etc/group");
  });

  it("takes new machines of the same names, and is whole again", async () => {
    for (const name of ["store-01", "store-04"])
      must(`lab/node wipe ${name}; lab/node start ${name}`);
    must(`lab/nodes.sh config ${file}`);
    settle();
    await isWhole(monitors, [...monitors, "store-04"]);
  });
});
