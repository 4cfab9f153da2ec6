import { v5 as uuid } from "uuid";
import type { CephConfig, StorageConfig } from "./cephFields";
import { type FromFile, readOperatorFile, textIn } from "./operatorFile";
import type { NodePlan } from "./plan";

/** One OSD to be. */
export interface CephOsdPlan {
  readonly node: NodePlan;
  /** The device in resource names: its path without what all paths have. */
  readonly id: string;
  readonly path: string;
  readonly backend: "raw" | "lvm" | "file";
  readonly wipe: boolean;
  /** Of a `file`. */
  readonly sizeGib: number;
}

export interface CephPoolPlan {
  readonly name: string;
  readonly application: string;
  readonly size: number;
  /** Whether the file names the size. One that follows the number of nodes with OSDs never takes copies away. */
  readonly sizeGiven: boolean;
  readonly minSize: number;
}

/** Keys that the operator has had followed by others, by counting them up; 1: those that the cluster was born with. */
export interface CephRotationsPlan {
  /** Of the user by which Kubernetes uses its volumes. */
  readonly kubernetesKey: number;
  /** Of the oldest of these users that there still is. */
  readonly oldestKubernetesKey: number;
  /** Of the keys that lie on Ceph's machines, but those of monitors and OSDs. */
  readonly adminKey: number;
  /** Of the authority that signs the dashboards' certificates. */
  readonly authority: number;
  /** Of the oldest of these authorities that are trusted. */
  readonly oldestAuthority: number;
  /** Of the keys that OSDs have. */
  readonly osdKey: number;
}

/** Where Ceph's packages come from, and in which version, where that is not the distribution. */
export interface CephPackagesPlan {
  readonly repository: string;
  /** Absent: the codename of each machine's system. */
  readonly suite?: string;
  readonly component: string;
  /** The public key that alone signs it, in ASCII armor. */
  readonly key: string;
  /** Of upstream, or of a package. */
  readonly version: string;
}

/** Everything the program needs to know of the Ceph cluster. */
export type CephConnectionMode = CephConfig["connection_mode"];

export interface CephPlan {
  readonly publicNetwork?: string;
  readonly clusterNetwork?: string;
  readonly poolSize: number;
  /** Whether the file names it, as {@link CephPoolPlan.sizeGiven}. */
  readonly poolSizeGiven: boolean;
  readonly poolMinSize: number;
  /** Bytes. */
  readonly osdMemoryTarget: number;
  /** The pool `kubernetes` first; none without OSDs. */
  readonly pools: readonly CephPoolPlan[];
  /** Of all connections, as Ceph's `ms_*_mode` have it. */
  readonly connectionMode: CephConnectionMode;
  readonly dashboard: boolean;
  readonly csi: boolean;
  /** Absent: they are the distribution's. */
  readonly packages?: CephPackagesPlan;
  readonly rotations: CephRotationsPlan;
  /** Section -> option -> value, from the operator. */
  readonly config: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Sorted by name; the cluster is born on the first. A manager runs beside each. */
  readonly monitors: readonly NodePlan[];
  /** Sorted by node and path. */
  readonly osds: readonly CephOsdPlan[];
  /** Monitors and OSDs of lost nodes. */
  readonly lost: { readonly monitors: readonly NodePlan[]; readonly osds: readonly CephOsdPlan[] };
  /** Number of nodes with OSDs that are not lost: more copies than these cannot be kept apart. */
  readonly osdHosts: number;
}

/** The pool that volumes of Kubernetes come from. */
export const kubernetesPool = "kubernetes";
/** The user by which Kubernetes uses its volumes, of each number one: whoever has mapped a volume asks by the key of that day. */
export const kubernetesUser = (number: number) =>
  number === 1 ? "kubernetes" : `kubernetes-${number}`;
/** The namespace of its driver in Kubernetes, whose pods mount devices. */
export const cephNamespace = "ceph-csi";

/** Copies of all data, and copies without which nothing is written, for so many nodes with OSDs. */
export function poolSizes(
  { pool_size, pool_min_size }: { pool_size?: number; pool_min_size?: number },
  osdHosts: number,
): { poolSize: number; poolMinSize: number } {
  const poolSize = pool_size ?? Math.max(1, Math.min(3, osdHosts));
  return { poolSize, poolMinSize: pool_min_size ?? (poolSize > 2 ? 2 : 1) };
}

/**
 * The Ceph cluster of a file without issues; none when no node is a monitor.
 * @param nodes sorted by name, each with the storage it gives
 * @param baseDir the cluster file's folder
 */
export function deriveCeph(
  ceph: CephConfig,
  nodes: readonly { readonly plan: NodePlan; readonly storage: StorageConfig }[],
  baseDir: string,
): CephPlan | undefined {
  const monitors = nodes.map(({ plan }) => plan).filter(({ roles }) => roles.includes("ceph-mon"));
  if (monitors.length === 0) return undefined;
  const stores = nodes.filter(({ plan }) => plan.roles.includes("ceph-osd"));
  const osds = stores.flatMap(({ plan, storage }) => osdsOf(plan, storage));
  // A lost host counts for the number of copies as long as it is listed: losing one must not make data scarcer.
  const sizes = poolSizes(ceph, stores.length);
  const volumes = {
    name: kubernetesPool,
    application: "rbd",
    size: undefined,
    min_size: undefined,
  };
  return {
    ...(ceph.public_network === undefined ? {} : { publicNetwork: ceph.public_network }),
    ...(ceph.cluster_network === undefined ? {} : { clusterNetwork: ceph.cluster_network }),
    ...sizes,
    poolSizeGiven: ceph.pool_size !== undefined,
    osdMemoryTarget: ceph.osd_memory_target,
    pools: (stores.length === 0 ? [] : [volumes, ...ceph.pools]).map((pool) => ({
      name: pool.name,
      application: pool.application,
      size: pool.size ?? sizes.poolSize,
      sizeGiven: (pool.size ?? ceph.pool_size) !== undefined,
      minSize: pool.min_size ?? poolSizes(ceph, pool.size ?? sizes.poolSize).poolMinSize,
    })),
    connectionMode: ceph.connection_mode,
    dashboard: ceph.dashboard,
    csi: ceph.csi,
    ...(ceph.packages && { packages: packagesPlan(ceph.packages, baseDir) }),
    rotations: {
      kubernetesKey: ceph.rotations.kubernetes_key,
      oldestKubernetesKey: ceph.rotations.oldest_kubernetes_key,
      adminKey: ceph.rotations.admin_key,
      authority: ceph.rotations.authority,
      oldestAuthority: ceph.rotations.oldest_authority,
      osdKey: ceph.rotations.osd_key,
    },
    config: ceph.config,
    monitors: monitors.filter(({ lost }) => !lost),
    osds: osds.filter(({ node }) => !node.lost),
    lost: {
      monitors: monitors.filter(({ lost }) => lost),
      osds: osds.filter(({ node }) => node.lost),
    },
    osdHosts: stores.filter(({ plan }) => !plan.lost).length,
  };
}

function packagesPlan(
  { key_file, suite, ...given }: NonNullable<CephConfig["packages"]>,
  baseDir: string,
): CephPackagesPlan {
  return {
    ...given,
    ...(suite !== undefined && { suite }),
    key: textIn(key_file, readArchiveKey(key_file, baseDir)),
  };
}

/** A public OpenPGP key in ASCII armor, as apt takes it. */
export function readArchiveKey(file: string, baseDir: string): FromFile {
  const read = readOperatorFile(file, baseDir, "a file with the repository's public key");
  if ("problem" in read) return read;
  if (/-----BEGIN PGP PRIVATE KEY/.test(read.text))
    return { problem: `holds a private key${read.where}; leave the public one alone in it` };
  const begin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
  const keys = read.text.split(begin).length - 1;
  const isKey = keys === 1 && /-----END PGP PUBLIC KEY BLOCK-----\s*$/.test(read.text);
  return isKey
    ? { text: `${read.text.slice(read.text.indexOf(begin)).replaceAll("\r", "").trimEnd()}\n` }
    : {
        problem: `holds no public key in ASCII armor${read.where}; give what 'gpg --armor --export KEY' prints, the key of this repository alone`,
      };
}

function osdsOf(node: NodePlan, { devices }: StorageConfig): CephOsdPlan[] {
  return [...devices]
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ path, backend, wipe, size_gib }) => ({
      node,
      id: deviceId(path),
      path,
      backend,
      wipe,
      sizeGib: size_gib,
    }));
}

/** `/dev/disk/by-id/wwn-0x5000` -> `wwn-0x5000`; `/var/lib/osd/disk` -> `var-lib-osd-disk`. */
function deviceId(path: string): string {
  return path
    .replace(/^\/dev\/(disk\/by-[a-z]+\/)?/, "/")
    .slice(1)
    .replace(/[^A-Za-z0-9.-]+/g, "-");
}

/**
 * The UUID of the OSD on a device of a node: always the same, so that whoever comes back finds what was begun.
 * @param fsid the Ceph cluster's own UUID
 */
export function osdUuid(fsid: string, node: string, path: string): string {
  return uuid(`${node}\n${path}`, fsid);
}
