import { z } from "zod";
import { problemOfCeph } from "./cephVersions";
import * as field from "./fields";

const devicePath = field.checked((path) => {
  if (!/^\/[\w./:+@-]+$/.test(path) || path.includes("/../")) {
    return "is not an absolute path; give one such as /dev/disk/by-id/wwn-0x5000c500a1b2c3d4";
  }
  return undefined;
});

const poolName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    "is not a name for a pool; give letters, digits, dots, dashes and underscores",
  );

const copies = z
  .number()
  .int()
  .min(1, "is too small; give a whole number from 1 to 10")
  .max(10, "is too large; give a whole number from 1 to 10");

const optionName = field.checked((name) =>
  /^[a-z][\w -]*$|^mgr\/[\w./-]+$/.test(name)
    ? undefined
    : "is no name of an option; give one such as osd_pool_default_pg_num, or mgr/MODULE/OPTION",
);

/** As Ceph itself reads `osd pool default size` in ceph.conf; what a manager's module calls its own stays. */
const plainOption = (name: string) =>
  name.startsWith("mgr/") ? name : name.trim().replaceAll(/[ -]+/g, "_");

function sameOption(ctx: z.core.ParsePayload<Record<string, string>>): void {
  const names = Object.keys(ctx.value);
  names.forEach((name, i) => {
    const first = names.find((other) => plainOption(other) === plainOption(name)) ?? name;
    if (names.indexOf(first) === i) return;
    const message = `is a second value of ${first}; give one`;
    ctx.issues.push({ code: "custom", message, input: name, path: [name] });
  });
}

const optionValue = field.textOf(
  z
    .string()
    .regex(
      /^[^\s#;"\\]([^\n#;"\\]*[^\s#;"\\])?$/,
      'is no value of an option here; give one line without #, ;, \\ and ", or remove the option',
    ),
);

const rotations = z
  .strictObject({
    kubernetes_key: field.counter(
      "Counter to raise when Kubernetes is to use its volumes by another user with another key. See Rotate keys.",
    ),
    oldest_kubernetes_key: field.counter(
      "Number of the oldest user of Kubernetes that there still is; at most kubernetes_key. Raise it when no volume is in use by the former one.",
    ),
    admin_key: field.counter(
      "Counter to raise when the administrator, the managers, client.bootstrap-osd and client.crash are to have other keys; it is not lowered again. See Rotate keys.",
    ),
    osd_key: field.counter(
      "Counter to raise when all OSDs are to have other keys, for which they are restarted one after the other; it is not lowered again. See Rotate keys.",
    ),
    authority: field.counter(
      "Counter to raise when the authority of the dashboards is to be followed by another; it is not lowered again. See Rotate keys.",
    ),
    oldest_authority: field.counter(
      "Number of the oldest authority of the dashboards that is trusted; at most authority. Raise it when nobody trusts but the former one any more.",
    ),
  })
  .refine((given) => given.oldest_kubernetes_key <= given.kubernetes_key, {
    path: ["oldest_kubernetes_key"],
    error: "is a key that there is not yet; give at most kubernetes_key",
  })
  .refine((given) => given.oldest_authority <= given.authority, {
    path: ["oldest_authority"],
    error: "is an authority that there is not yet; give at most authority",
  })
  .prefault({})
  .describe(
    "Counters of Ceph's keys and of its dashboards' authority, each to be raised when these are to be followed by others.",
  );

const suite = field.checked((value) =>
  /^[\w.+~-]+(\/[\w.+~-]+)*\/?$|^\.\/$/.test(value)
    ? undefined
    : "is no suite of a repository; give a name such as bookworm, or a folder with a slash at its end",
);

const component = field.checked((value) =>
  /^[\w.+~-]+(\/[\w.+~-]+)*$/.test(value)
    ? undefined
    : "is no component of a repository; give one such as main",
);

const packages = z
  .strictObject({
    repository: field.baseUrl.describe(
      "URL of the apt repository, such as https://download.ceph.com/debian-squid, or a mirror of it.",
    ),
    suite: suite.optional().describe("Suite; default: the codename of each machine's system."),
    component: component.default("main").describe("Component of the repository."),
    key_file: field.secretFile.describe(
      "File with the public OpenPGP key, in ASCII armor, that alone signs this repository; relative to this file's folder, or below ~/.",
    ),
    version: field
      .checked(problemOfCeph)
      .describe(
        "Version: upstream's, such as 19.2.3, in whichever revision the repository has, or a package's in full; a change restarts the daemons in upstream's order.",
      ),
  })
  .optional()
  .describe(
    "Repository that Ceph's packages come from, in a version of the file; default: the distribution's. See Versions of Ceph.",
  );

/** `nodes[].storage`. */
export const storage = z
  .strictObject({
    devices: z
      .array(
        z
          .strictObject({
            path: devicePath.describe(
              "Path of the device, best below /dev/disk/by-id, where names stay when disks are added.",
            ),
            backend: z
              .enum(["raw", "lvm", "file"])
              .default("raw")
              .describe(
                "Way Ceph takes it: the bare device, a logical volume on it, or a plain file (labs and tests).",
              ),
            wipe: z
              .boolean()
              .default(false)
              .describe(
                "Switch (true or false) to let Ceph take a device that is not blank, and erase it when it is given up.",
              ),
            size_gib: z
              .number()
              .int()
              .min(5, "is too small; give at least 5")
              .default(10)
              .describe("Size of a file in GiB; it takes room only as it fills."),
          })
          .describe("Device with a path."),
      )
      .default([])
      .describe("Devices that become OSDs, on a node with the role ceph-osd."),
  })
  .prefault({})
  .describe("Storage that the node gives to Ceph.");

/** `cluster.ceph`. */
export const ceph = z
  .strictObject({
    public_network: field.network
      .optional()
      .describe("IPv4 network of monitors and clients; default: the nodes' addresses as they are."),
    cluster_network: field.network
      .optional()
      .describe("IPv4 network of the OSDs among themselves; default: as public_network."),
    pool_size: copies
      .optional()
      .describe("Number of copies of all data; default: 3, or the number of OSD nodes if smaller."),
    pool_min_size: copies
      .optional()
      .describe("Number of copies without which nothing is written; default: 2, or 1 of two."),
    osd_memory_target: z
      .number()
      .int()
      .min(939524096, "is too small; give at least 939524096 (896 MiB)")
      .default(4294967296)
      .describe("Memory each OSD aims at, in bytes."),
    pools: z
      .array(
        z
          .strictObject({
            name: poolName.describe("Name of the pool."),
            application: z
              .enum(["rbd", "rgw", "cephfs"])
              .default("rbd")
              .describe("Application the pool is for."),
            size: copies.optional().describe("Number of copies; default: pool_size."),
            min_size: copies
              .optional()
              .describe("Number of copies needed to write; default: pool_min_size."),
          })
          .describe("Pool with a name."),
      )
      .default([])
      .describe("Pools besides kubernetes, the one volumes come from."),
    connection_mode: z
      .enum(["crc", "secure"])
      .default("crc")
      .describe(
        "What Ceph's daemons and their clients say to each other over the network: crc, in the clear, with checksums; secure, encrypted, and nothing else is taken. A change restarts the daemons in their turn.",
      ),
    dashboard: z.boolean().default(true).describe("Switch (true or false) for the web dashboard."),
    csi: z
      .boolean()
      .default(false)
      .describe("Switch (true or false) to install the ceph-csi chart in Kubernetes."),
    packages,
    rotations,
    config: z
      .record(
        z
          .string()
          .regex(
            /^(global|mon|mgr|osd|mds|client)(\.[\w.-]+)?$/,
            "is no section of Ceph's configuration; give global, mon, mgr, osd, mds or client",
          ),
        z
          .record(optionName, optionValue.describe("Value of the option."))
          .check(sameOption)
          .transform((options) =>
            Object.fromEntries(
              Object.entries(options).map(([name, value]) => [plainOption(name), value]),
            ),
          )
          .describe("Options of this section."),
      )
      .default({})
      .describe("Further options by section, as ceph config set takes them."),
  })
  .prefault({})
  .describe("Settings of Ceph, which runs where nodes have the roles ceph-mon and ceph-osd.");

export type CephConfig = z.output<typeof ceph>;
export type StorageConfig = z.output<typeof storage>;
