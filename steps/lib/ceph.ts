import type { CephPlan } from "../../config/ceph";
import type { NodePlan } from "../../config/plan";
import { ports } from "../../config/ports";

/** A user of Ceph with its key and its rights (`mon`, `mgr`, `osd`, `mds`). */
export interface CephUser {
  /** As Ceph names it: `mon.`, `client.admin`, `mgr.<node>`. */
  readonly entity: string;
  /** Base64, in the format of {@link cephKey}. Secret. */
  readonly key: string;
  readonly caps: Readonly<Record<string, string>>;
}

/** Monitor addresses, protocol 2 only. */
export function monitorAddresses({ monitors }: CephPlan): string[] {
  return monitors.map(({ ip }) => `[v2:${ip}:${ports.cephMonitor}]`);
}

/**
 * A node's `/etc/ceph/ceph.conf`: only what a daemon must know before it has found the monitors. Everything else is in
 * the cluster's own configuration, where a change takes effect without a restart.
 */
export function cephConf(plan: CephPlan, node: NodePlan, fsid: string): string {
  const network =
    plan.publicNetwork === undefined ? [] : [`public_network = ${plan.publicNetwork}`];
  const cluster =
    plan.clusterNetwork === undefined ? [] : [`cluster_network = ${plan.clusterNetwork}`];
  return `[global]
fsid = ${fsid}
mon_host = ${monitorAddresses(plan).join(",")}
${[...network, ...cluster, `public_addr = ${node.ip}`].join("\n")}
ms_bind_msgr1 = false

[mon]
public_addrv = [v2:${node.ip}:${ports.cephMonitor}]
mgr_initial_modules = ${plan.dashboard ? "dashboard prometheus" : "prometheus"}

[mgr]
# Python libraries written in Rust load in one module of a manager only: the dashboard's TLS needs them.
mgr_disabled_modules = restful,selftest,test_orchestrator
# Where root keeps it: a daemon's own folder is its user's.
keyring = /etc/ceph/$cluster.$name.keyring

[osd]
keyring = /etc/ceph/$cluster.$name.keyring
`;
}

/**
 * The cluster's own configuration, as lines of section, option and value. What the operator wrote stands last and wins.
 * A machine that is lost is reported by as many hosts as there are others, at most by two as Ceph has it.
 */
export function cephSettings(plan: CephPlan): string {
  const settings: Record<string, Record<string, string>> = {
    global: {
      osd_pool_default_size: String(plan.poolSize),
      osd_pool_default_min_size: String(plan.poolMinSize),
      // Whoever has one host has said so; Ceph warns of it all the same.
      ...(copies(plan).includes(1) ? { mon_allow_pool_size_one: "true" } : {}),
    },
    mon: {
      auth_allow_insecure_global_id_reclaim: "false",
      mon_osd_min_down_reporters: String(Math.max(1, Math.min(2, plan.osdHosts - 1))),
    },
    mgr: plan.dashboard
      ? {
          "mgr/dashboard/crt_file": "/etc/ceph/dashboard.crt",
          "mgr/dashboard/key_file": "/etc/ceph/dashboard.key",
        }
      : {},
    osd: { osd_memory_target: String(plan.osdMemoryTarget) },
  };
  for (const [section, options] of Object.entries(plan.config)) {
    settings[section] = { ...settings[section], ...options };
  }
  return Object.entries(settings)
    .flatMap(([section, options]) =>
      Object.entries(options).map(([option, value]) => `${section} ${option} ${value}\n`),
    )
    .join("");
}

/**
 * Lines of name, application, copies, least copies, and whether the file says how many (`given`) or the number of nodes
 * (`derived`): what the configure step makes. The managers' own pool, which Ceph makes by itself, is like the others.
 */
export function cephPools(plan: CephPlan): string {
  const own = {
    name: ".mgr",
    application: "mgr",
    size: plan.poolSize,
    sizeGiven: plan.poolSizeGiven,
    minSize: plan.poolMinSize,
  };
  return [...plan.pools, ...(plan.pools.length > 0 ? [own] : [])]
    .map(({ name, application, size, sizeGiven, minSize }) =>
      [name, application, size, minSize, sizeGiven ? "given" : "derived"].join(" "),
    )
    .join("\n");
}

/** Numbers of copies that some pool has. */
function copies({ pools, poolSize }: CephPlan): number[] {
  return [poolSize, ...pools.map(({ size }) => size)];
}

/**
 * A key in Ceph's own format, from 16 random bytes in base64: type 1 (AES), time of creation (none: the program makes
 * the same key every time), length, bytes.
 */
export function cephKey(random: string): string {
  const secret = Buffer.from(random, "base64");
  if (secret.length !== 16) throw new Error(`a key of Ceph has 16 bytes, not ${secret.length}`);
  const header = Buffer.alloc(12);
  header.writeUInt16LE(1, 0);
  header.writeUInt16LE(secret.length, 10);
  return Buffer.concat([header, secret]).toString("base64");
}

/** A keyring file, in the very form in which Ceph prints it. */
export function cephKeyring(users: readonly CephUser[]): string {
  return users
    .map(({ entity, key, caps }) => {
      const rights = Object.entries(caps).map(
        ([service, right]) => `\tcaps ${service} = "${right.replaceAll('"', '\\"')}"\n`,
      );
      return `[${entity}]\n\tkey = ${key}\n${rights.join("")}`;
    })
    .join("");
}

/** Rights of the users that the program makes. */
export const cephCaps = {
  monitor: { mon: "allow *" },
  admin: { mds: "allow *", mgr: "allow *", mon: "allow *", osd: "allow *" },
  manager: { mds: "allow *", mon: "allow profile mgr", osd: "allow *" },
  /** To register OSDs. */
  osdHost: { mon: "allow profile bootstrap-osd" },
  crash: { mgr: "profile crash", mon: "profile crash" },
  /** What ceph-csi needs of one pool, and no more. */
  csi: (pool: string) => ({
    mgr: `profile rbd pool=${pool}`,
    mon: "profile rbd",
    osd: `profile rbd pool=${pool}`,
  }),
} as const;
