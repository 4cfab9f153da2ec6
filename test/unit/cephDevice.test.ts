import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { replaced } from "./fakeMachine";

const library = replaced(
  readFileSync(join(__dirname, "../../steps/lib/ceph-device-lib.sh"), "utf8"),
  /\[ -b "\$DEVICE" \]/g,
  "true",
);

/** Who uses a device for whose tree lsblk prints these lines of NAME and TYPE, and these of NAME and MOUNTPOINTS. */
function inUse(types: string, mounts = types.replaceAll(/ .*/gm, "")): string {
  const { status, stdout, stderr } = spawnSync(
    "bash",
    [
      "-euo",
      "pipefail",
      "-c",
      `${library}\nflock() { :; }\nlsblk() { case $* in *TYPE*) echo "$TYPES" ;; *) echo "$MOUNTS" ;; esac; }\nin_use`,
    ],
    {
      encoding: "utf8",
      env: {
        PATH: process.env.PATH,
        BACKEND: "raw",
        DEVICE: "/dev/sdb",
        OSD_UUID: "u",
        TYPES: types,
        MOUNTS: mounts,
      },
    },
  );
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

describe("a device for Ceph", () => {
  for (const [is, types] of [
    ["a disk", "sdb disk"],
    ["a partition", "sdb1 part"],
    ["a disk with a partition on which nothing lies", "sdb disk\nsdb1 part"],
    ["a logical volume", "vg--osd-osd lvm"],
    ["a LUKS device", "osd-crypt crypt"],
    ["a path of several to one disk", "mpatha mpath"],
    ["a RAID", "md0 raid1"],
  ] as const)
    it(`that is ${is} is not in use for that`, () => assert.equal(inUse(types), ""));

  for (const [what, types, said] of [
    ["a logical volume", "sdb disk\nvg--osd-osd lvm", "vg--osd-osd (lvm) lies on it"],
    ["a LUKS device", "vg-a lvm\nluks crypt", "luks (crypt) lies on it"],
    ["a RAID, by a partition", "sdb disk\nsdb1 part\nmd0 raid1", "md0 (raid1) lies on it"],
    ["a multipath device", "sdb disk\nmpatha mpath", "mpatha (mpath) lies on it"],
  ] as const)
    it(`on which ${what} lies is in use by it`, () => assert.equal(inUse(types), said));

  it("that is mounted is in use", () => {
    assert.equal(inUse("vg-a lvm", "vg-a /srv"), "vg-a is mounted at /srv");
  });
});
