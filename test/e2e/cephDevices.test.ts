import assert from "node:assert/strict";
import { CephCluster } from "./cephCluster";
import { eventually, must, on, setNode, settle, up } from "./lab";

/** Each has a disk of its own, plugged into a machine with its name, and its backend. */
const disks = [
  { node: "store-01", backend: "raw", disk: "ata-raw", path: "/dev/disk/by-id/ata-raw" },
  { node: "store-02", backend: "lvm", disk: "ata-lvm", path: "/dev/disk/by-id/ata-lvm" },
];
const [raw] = disks as [(typeof disks)[number]];
const monitors = ["store-01", "store-02", "store-03"];
const ceph = new CephCluster("store-03");
const system = { path: "/var/lib/osd/disk.img", backend: "file", wipe: true };
const foreign = "6a5a9bd1-4c8b-4a0e-9d6b-0d6f6a7c1b11";

/** Things a disk may hold that are none of this cluster's business, as the command that puts them there. */
const contents: readonly { what: string; make: (path: string) => string; says: RegExp }[] = [
  {
    what: "a file system",
    make: (path) => `mkfs.ext4 -q -L family ${path}`,
    says: /is not blank: it holds ext4 family/,
  },
  {
    what: "data without a name",
    make: (path) => `head -c 1M /dev/urandom >${path}`,
    says: /is not blank: it holds data of unknown kind/,
  },
  {
    what: "somebody's volume group",
    make: (path) => `vgcreate -q --yes photos ${path} >/dev/null 2>&1`,
    says: /is not blank: it holds LVM2_member/,
  },
  {
    what: "an OSD of another cluster",
    make: (path) =>
      `head -c 64K ${system.path} >${path}; ceph-bluestore-tool set-label-key --dev ${path} -k ceph_fsid -v ${foreign}`,
    says: new RegExp(`is not blank: it holds an OSD of Ceph cluster ${foreign}`),
  },
];

/** The disks are in the cluster file, with this much licence. */
function addDisks(wipe: boolean): void {
  for (const { node, path, backend } of disks) {
    setNode(node, "storage", { devices: [system, { path, backend, ...(wipe ? { wipe } : {}) }] });
  }
}

const digest = () =>
  disks.map(({ node, path }) => on(node, `head -c 256M ${path} | sha256sum`).stdout);
const uuids = () =>
  ceph
    .osds()
    .map(({ uuid }) => uuid)
    .sort();

/** `up` fails with this on every disk, by its name; the disks and the cluster are as before. */
function areRefused(says: RegExp): void {
  const before = [digest(), uuids()];
  const { status, output } = up();
  assert.notEqual(status, 0);
  for (const { path } of disks) {
    assert.match(output, new RegExp(`${path} ${says.source}`));
  }
  assert.deepEqual([digest(), uuids()], before);
}

/** On the lab of `clusters/storage.yaml`, on a host with loop devices. */
describe("disks that Ceph is to take", function () {
  this.timeout(900_000);

  before(() => {
    settle();
    for (const { node, disk } of disks) must(`lab/node plug ${node} ${disk} 6`);
  });

  for (const { what, make, says } of contents) {
    it(`are refused by name when they hold ${what}, and nothing is written`, () => {
      for (const { node, path } of disks) {
        must(
          `lab/ssh ${node} 'wipefs -qaf ${path}; head -c 64M /dev/zero >${path}; ${make(path)}'`,
        );
      }
      addDisks(false);
      areRefused(says);
    });
  }

  it("are refused while they are an OSD elsewhere, even if they may be wiped", () => {
    for (const { node, path } of disks) {
      must(`lab/ssh ${node} 'head -c 64K ${system.path} >${path}'`);
    }
    addDisks(true);
    areRefused(/is osd\.\d+ of this cluster already/);
  });

  it("are refused while they are mounted, even if they may be wiped", () => {
    for (const { node, path } of disks) {
      must(`lab/ssh ${node} 'mkfs.ext4 -qF ${path} && mount -o ro,noload ${path} /mnt'`);
    }
    addDisks(true);
    areRefused(/is in use: loop\d+ is mounted at \/mnt/);
    for (const { node } of disks) must(`lab/ssh ${node} umount /mnt`);
  });

  it("are taken when they may be wiped, and are blank again when they leave", async () => {
    setNode("store-02", "storage", { devices: [system] });
    settle();
    await eventually(() => ceph.assertWhole(monitors, [0, 1, 2, 3, 4]), 60);
    const { node, path } = raw;
    assert.match(
      on(node, `ceph-bluestore-tool show-label --dev ${path}`).stdout,
      /"ready": "ready"/,
    );
    // A device that is in use by a running OSD of its own.
    setNode(node, "storage", { devices: [system, { path, backend: "lvm", wipe: true }] });
    const { status, output } = up();
    assert.notEqual(status, 0);
    assert.match(output, new RegExp(`${path} is osd\\.4 of this cluster already`));
    setNode(node, "storage", { devices: [system] });
    settle();
    await eventually(() => ceph.assertWhole(monitors, [0, 1, 2, 3]), 60);
    assert.equal(on(node, `cmp -n 16M ${path} /dev/zero && wipefs ${path}`).output, "");
  });
});
