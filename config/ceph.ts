import { createHash } from "crypto";
import { z } from "zod";
import type { NodePlan } from "./plan";

const cidr = z
  .string()
  .regex(/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/, "must be an IPv4 network such as 10.0.0.0/24");

const name = z
  .string()
  .regex(
    /^[a-z0-9.][a-z0-9._-]*$/,
    "must be lower-case letters, digits, dots, dashes, underscores",
  );

/** One device of `nodes[].storage.devices`. */
export const storageDeviceSchema = z
  .strictObject({
    path: z
      .string()
      .regex(
        /^\/[\w./:+@-]+$/,
        "must be an absolute path, e.g. /dev/disk/by-id/wwn-0x5000c500a1b2c3d4",
      )
      .describe("The disk; a name under /dev/disk/by-id stays when disks are added."),
    backend: z
      .enum(["lvm", "raw", "file"])
      .default("raw")
      .describe(
        "How Ceph takes it: a logical volume on it, the bare device, or a file (labs and tests).",
      ),
    wipe: z
      .boolean()
      .default(false)
      .describe(
        "Whether a disk that is not blank may be erased, and whether it is erased when it is removed.",
      ),
    size_gib: z
      .int()
      .min(5)
      .optional()
      .describe("Size of a `file` in GiB; it takes room only as it fills. Default 10."),
  })
  .superRefine((device, context) => {
    if (device.backend !== "file" && device.size_gib !== undefined) {
      context.addIssue({
        code: "custom",
        path: ["size_gib"],
        message: `is only for backend: file; a ${device.backend} device is used whole`,
      });
    }
    if (device.backend === "file" && /^\/(dev|proc|sys|run|tmp)\//.test(device.path)) {
      context.addIssue({
        code: "custom",
        path: ["path"],
        message: `${device.path} is no place for a file that must last; name one below /var/lib/ceph`,
      });
    }
  });

export const storageSchema = z.strictObject({
  devices: z.array(storageDeviceSchema).default([]),
});

const poolSchema = z.strictObject({
  name,
  application: z.enum(["rbd", "rgw", "cephfs"]).or(name).default("rbd"),
  size: z.int().min(1).max(10).optional().describe("Copies; default `pool_size`."),
  min_size: z
    .int()
    .min(1)
    .max(10)
    .optional()
    .describe("Copies needed to write; default `pool_min_size`."),
});

/** `cluster.ceph`. */
export const cephSchema = z.strictObject({
  public_network: cidr
    .optional()
    .describe("Network of clients and monitors; default: the nodes' addresses."),
  cluster_network: cidr
    .optional()
    .describe("Network of the OSDs among themselves; default: as public."),
  pool_size: z
    .int()
    .min(1)
    .max(10)
    .optional()
    .describe("Copies of everything; default 3, or the OSD hosts if fewer."),
  pool_min_size: z
    .int()
    .min(1)
    .max(10)
    .optional()
    .describe("Copies needed to write; default 2, or 1 below three copies."),
  osd_memory_target: z
    .int()
    .min(939524096)
    .default(4294967296)
    .describe("Bytes of memory each OSD aims at; at least 939524096 (896 MiB), default 4 GiB."),
  pools: z
    .array(poolSchema)
    .default([])
    .describe("Pools besides `kubernetes`, the one for volumes."),
  dashboard: z.boolean().default(true),
  csi: z
    .boolean()
    .default(false)
    .describe("Whether the ceph-csi chart is installed in Kubernetes."),
  config: z
    .record(z.string(), z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])))
    .default({})
    .describe(
      "Further options as `ceph config set` takes them: section (global, mon, mgr, osd), option, value.",
    ),
});

export type CephConfig = z.output<typeof cephSchema>;
export type StorageConfig = z.output<typeof storageSchema>;

/** One OSD to be. */
export interface CephOsdPlan {
  readonly node: NodePlan;
  /** Name of the device in resource names: its path without what all paths have. */
  readonly id: string;
  readonly path: string;
  readonly backend: "lvm" | "raw" | "file";
  readonly wipe: boolean;
  readonly sizeGib: number;
}

/** Everything the program needs to know of the Ceph cluster. */
export interface CephPlan {
  readonly publicNetwork?: string;
  readonly clusterNetwork?: string;
  readonly poolSize: number;
  readonly poolMinSize: number;
  readonly osdMemoryTarget: number;
  readonly pools: readonly {
    readonly name: string;
    readonly application: string;
    readonly size: number;
    readonly minSize: number;
  }[];
  readonly dashboard: boolean;
  readonly csi: boolean;
  readonly config: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Sorted by name; the cluster is born on the first. */
  readonly monitors: readonly NodePlan[];
  /** Sorted by node and path. */
  readonly osds: readonly CephOsdPlan[];
  /** Number of machines with OSDs: more copies than these cannot be kept apart. */
  readonly osdHosts: number;
}

/** A mistake in the file: where, and what. */
export interface CephIssue {
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** A warning does not keep the program from running. */
  readonly warning?: boolean;
}

/** The part of a node of the file that Ceph looks at. */
export interface CephNodeConfig {
  readonly name: string;
  readonly ip: string;
  readonly roles: readonly string[];
  readonly storage?: StorageConfig;
}

/** The volumes' pool, always there. */
export const kubernetesPool = "kubernetes";

const isMonitor = ({ roles }: { roles: readonly string[] }) => roles.includes("ceph-mon");
const isStore = ({ roles }: { roles: readonly string[] }) => roles.includes("ceph-osd");

function inNetwork(ip: string, network: string): boolean {
  const number = (address: string) =>
    address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const [base = "", length = "32"] = network.split("/");
  const size = 2 ** (32 - Number(length));
  return Math.floor(number(ip) / size) === Math.floor(number(base) / size);
}

/** What no field can tell by itself. Paths are those of the file, nodes in its order. */
export function checkCeph(
  ceph: CephConfig | undefined,
  nodes: readonly CephNodeConfig[],
): CephIssue[] {
  const monitors = nodes.filter(isMonitor);
  const stores = nodes.filter(isStore);
  const issues: CephIssue[] = [];
  const complain = (path: (string | number)[], message: string, warning?: boolean) =>
    issues.push({ path, message, ...(warning ? { warning } : {}) });

  nodes.forEach((node, index) => {
    const devices = node.storage?.devices ?? [];
    if (isStore(node) && devices.length === 0) {
      complain(
        ["nodes", index, "storage", "devices"],
        `${node.name} has the role ceph-osd but names no device; give it at least one`,
      );
    }
    if (!isStore(node) && devices.length > 0) {
      complain(
        ["nodes", index, "storage", "devices"],
        `${node.name} names devices but does not have the role ceph-osd; add the role or remove them`,
      );
    }
    devices.forEach(({ path }, at) => {
      if (devices.findIndex((other) => other.path === path) !== at) {
        complain(
          ["nodes", index, "storage", "devices", at, "path"],
          `${path} is named twice on ${node.name}`,
        );
      }
    });
    if (
      ceph?.public_network &&
      (isMonitor(node) || isStore(node)) &&
      !inNetwork(node.ip, ceph.public_network)
    ) {
      complain(
        ["nodes", index, "ip"],
        `${node.ip} is outside cluster.ceph.public_network (${ceph.public_network})`,
      );
    }
  });
  if (monitors.length === 0) {
    if (stores.length > 0)
      complain(
        ["nodes"],
        "nodes have the role ceph-osd, but none has ceph-mon; give it to one, three or five",
      );
    else if (ceph)
      complain(
        ["cluster", "ceph"],
        "no node has a Ceph role; give ceph-mon and ceph-osd to some, or remove this section",
      );
    return issues;
  }
  if (monitors.length % 2 === 0) {
    complain(
      ["nodes"],
      `${monitors.length} nodes have the role ceph-mon: an even number survives no more failures than one less`,
      true,
    );
  }
  const sizes: [(string | number)[], number | undefined][] = [
    [["cluster", "ceph", "pool_size"], ceph?.pool_size],
    ...(ceph?.pools ?? []).map(({ size }, at): [(string | number)[], number | undefined] => [
      ["cluster", "ceph", "pools", at, "size"],
      size,
    ]),
  ];
  for (const [path, size] of sizes) {
    if (size !== undefined && size > stores.length) {
      complain(
        path,
        `${size} copies need ${size} nodes with the role ceph-osd; there are ${stores.length}`,
      );
    }
  }
  const plan = deriveSizes(ceph, stores.length);
  if (plan.poolMinSize > plan.poolSize) {
    complain(
      ["cluster", "ceph", "pool_min_size"],
      `${plan.poolMinSize} is more than pool_size (${plan.poolSize})`,
    );
  }
  (ceph?.pools ?? []).forEach((pool, at) => {
    if ((pool.min_size ?? plan.poolMinSize) > (pool.size ?? plan.poolSize)) {
      complain(["cluster", "ceph", "pools", at, "min_size"], `is more than the pool's size`);
    }
    if (
      [kubernetesPool, ...(ceph?.pools ?? []).slice(0, at).map(({ name }) => name)].includes(
        pool.name,
      )
    ) {
      complain(["cluster", "ceph", "pools", at, "name"], `pool ${pool.name} is there already`);
    }
  });
  return issues;
}

function deriveSizes(ceph: CephConfig | undefined, hosts: number) {
  const poolSize = ceph?.pool_size ?? Math.max(1, Math.min(3, hosts));
  return { poolSize, poolMinSize: ceph?.pool_min_size ?? (poolSize > 2 ? 2 : 1) };
}

/** The plan of a checked file; `nodes` are its nodes' plans, each with its storage. Undefined: no node carries Ceph. */
export function deriveCeph(
  ceph: CephConfig | undefined,
  nodes: readonly { readonly plan: NodePlan; readonly storage?: StorageConfig }[],
): CephPlan | undefined {
  const sorted = [...nodes].sort((a, b) => (a.plan.name < b.plan.name ? -1 : 1));
  const monitors = sorted.map(({ plan }) => plan).filter(isMonitor);
  if (monitors.length === 0) return undefined;
  const config = ceph ?? cephSchema.parse({});
  const stores = sorted.filter(({ plan }) => isStore(plan));
  const sizes = deriveSizes(ceph, stores.length);
  return {
    ...(config.public_network === undefined ? {} : { publicNetwork: config.public_network }),
    ...(config.cluster_network === undefined ? {} : { clusterNetwork: config.cluster_network }),
    ...sizes,
    osdMemoryTarget: config.osd_memory_target,
    pools:
      stores.length === 0
        ? []
        : [{ name: kubernetesPool, application: "rbd" }, ...config.pools].map((pool) => ({
            name: pool.name,
            application: pool.application,
            size: ("size" in pool ? pool.size : undefined) ?? sizes.poolSize,
            minSize: ("min_size" in pool ? pool.min_size : undefined) ?? sizes.poolMinSize,
          })),
    dashboard: config.dashboard,
    csi: config.csi,
    config: Object.fromEntries(
      Object.entries(config.config).map(([section, options]) => [
        section,
        Object.fromEntries(
          Object.entries(options).map(([option, value]) => [option, String(value)]),
        ),
      ]),
    ),
    monitors,
    osds: stores.flatMap(({ plan, storage }) =>
      [...(storage?.devices ?? [])]
        .sort((a, b) => (a.path < b.path ? -1 : 1))
        .map(({ path, backend, wipe, size_gib }) => ({
          node: plan,
          id: deviceId(path),
          path,
          backend,
          wipe,
          sizeGib: size_gib ?? 10,
        })),
    ),
    osdHosts: stores.length,
  };
}

/** `/dev/disk/by-id/wwn-0x5000` -> `wwn-0x5000`; `/var/lib/ceph/disk` -> `var-lib-ceph-disk`. */
function deviceId(path: string): string {
  return path
    .replace(/^\/dev\/(disk\/by-[a-z]+\/)?/, "/")
    .slice(1)
    .replace(/[^A-Za-z0-9.-]+/g, "-");
}

/** The UUID of the OSD on a device of a node: always the same, so that whoever comes back finds what was begun. */
export function osdUuid(fsid: string, node: string, path: string): string {
  const hash = createHash("sha1")
    .update(Buffer.from(fsid.replaceAll("-", ""), "hex"))
    .update(`${node}\n${path}`)
    .digest()
    .subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hash.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
