import { z } from "zod";

/**
 * What a machine has, and what a cluster has: more than that is a hostile one's, and not looked at. Nobody's report is
 * refused for it, as what a node writes into its Node comes in the reports of the masters.
 */
const atMost =
  (most: number) =>
  <T extends z.ZodType>(of: T) =>
    z.array(of).transform((all) => all.slice(0, most));
const ofMachine = atMost(200);
const ofCluster = atMost(10_000);
const few = atMost(10);
const byName = <T extends z.ZodType>(of: T) =>
  z.record(z.string().regex(/^[A-Za-z0-9.-]{1,200}$/), of);
const time = z.string().refine((text) => !Number.isNaN(Date.parse(text)), "no time");
const id = z.string();

/** What `status/status.sh --report` says of a machine. Fields that do not concern it, or that it could not tell, are absent. */
export const report = z.object({
  /** Seconds since 1970 by the machine's clock, when it began to answer. */
  clock: z.number(),
  host: z.string(),
  /** Who holds the machine; null: nobody, and nothing else is known. */
  lock: z
    .object({
      cluster_id: id,
      cluster_name: z.string(),
      node: z.string(),
      stack: z.string().optional(),
      since: time.optional(),
    })
    .nullable(),
  /** The files of /var/lib/cluster-state, by name. */
  state: byName(z.string()).default({}),
  /** The steps of an `up` that have been done here, by name: when each last changed something, and in which life of the machine. */
  steps: byName(z.object({ at: time, identity: id })).default({}),
  booted: time.optional(),
  units: ofMachine(
    z.object({
      name: z.string(),
      active: z.string(),
      sub: z.string(),
      enabled: z.string(),
      restarts: z.number(),
      since: time.optional(),
    }),
  ).default([]),
  /** Of /var/lib, in bytes. */
  disk: z.object({ size: z.number(), free: z.number() }).optional(),
  /** Settings of its kernel that are not the cluster's, or that `file` changes at the next boot. */
  settings: ofMachine(
    z.object({ key: z.string(), wanted: z.string(), now: z.string(), file: z.string().optional() }),
  ).default([]),
  /** Whether an API server answers at the address the node itself uses. */
  apiReady: z.boolean().optional(),
  /** The API's address, and whether this machine holds it now. */
  vip: z.object({ address: z.string(), held: z.boolean() }).optional(),
  /** The cluster's firewall: the SHA-256 of its file, and whether the kernel has the `same`, `other` ones, or the table is `absent`. */
  firewall: z.object({ rules: z.string(), kernel: z.string() }).optional(),
  /** `expires` is null where the file holds no certificate. */
  certificates: ofMachine(z.object({ path: z.string(), expires: time.nullable() })).default([]),
  versions: z
    .object({
      os: z.string().optional(),
      kernel: z.string().optional(),
      kubelet: z.string().optional(),
      containerd: z.string().optional(),
      ceph: z.string().optional(),
    })
    .default({}),
  /** Of its distribution; what it could not tell is absent. */
  packages: z
    .object({
      /** How many an upgrade would install, by the lists that lie there. */
      outdated: z.int().nonnegative().optional(),
      /** When these were fetched, in seconds since 1970. */
      lists: z.number().optional(),
      /** Why the machine is to be restarted; absent: it need not be. */
      restart: z.string().optional(),
    })
    .default({}),
  /** Its member of etcd; without `id` it does not answer. */
  etcd: z
    .object({
      healthy: z.boolean(),
      id: id.optional(),
      leader: id.optional(),
      learner: z.boolean().optional(),
      version: z.string().optional(),
      /** Bytes. */
      size: z.number().optional(),
      quota: z.number().optional(),
      errors: z.string().optional(),
      /** What came of the last snapshots that this master took; absent: it has taken none. */
      snapshot: z
        .object({
          /** The last that got through all of it. Seconds since 1970, and bytes. */
          good: z.object({ time: z.number(), name: z.string(), bytes: z.number() }).nullable(),
          /** When it last took one, or tried to, in seconds since 1970. */
          tried: z.number(),
          /** What went wrong then; null: nothing. */
          failure: z.string().nullable(),
          /** The last backup of Pulumi's state that was brought here. Seconds since 1970. */
          backup: z.object({ time: z.number(), name: z.string() }).nullish(),
        })
        .optional(),
      /** Whether a restore has stopped it, and has not ended. */
      halted: z.boolean().optional(),
      members: ofMachine(
        z.object({
          id,
          started: z.boolean(),
          name: z.string(),
          peer: z.string(),
          learner: z.boolean(),
        }),
      ).default([]),
    })
    .optional(),
  cephDaemons: ofMachine(
    z.object({ name: z.string(), state: z.string(), version: z.string().optional() }),
  ).default([]),
  /** The cluster as this master's API server sees it. */
  kubernetes: z
    .object({
      version: z.string(),
      nodes: ofCluster(
        z.object({
          name: z.string(),
          /** The network its pods get addresses of. */
          podCIDR: z.string().nullish(),
          version: z.string(),
          runtime: z.string(),
          cordoned: z.boolean(),
          taints: ofCluster(z.string()),
          ready: z.object({ status: z.string(), since: time, message: z.string() }).nullish(),
          pressure: ofCluster(z.string()),
        }),
      ),
      /** Whether this API server reaches the kubelets: of many nodes, some by chance. */
      kubelets: ofCluster(z.object({ name: z.string(), reached: z.boolean() })).default([]),
      /** Certificate requests that nobody has answered, the first of many; null: they were more than could be read. */
      requests: ofCluster(
        z.object({ name: z.string(), signer: z.string(), user: z.string(), since: time }),
      ).nullable(),
      workloads: ofCluster(z.object({ name: z.string(), ready: z.number(), wanted: z.number() })),
    })
    .optional(),
  /** The network of its pods; absent until its plugin has one, or knows none. */
  network: z
    .object({
      /** What its plugin has, as `10.244.3.0/24`. */
      subnet: z.string(),
      /** The largest packet of its pods, where it is looked whether such ones pass. */
      mtu: z.number().nullish(),
      /** Addresses of the bridge that pods hang on. */
      bridge: ofMachine(z.string()),
      /** Whether somebody judges its pods' packets by NetworkPolicy, where its plugin knows. */
      policies: z.boolean().nullish(),
      /** Pod networks of other nodes that it has a route to. */
      routes: ofCluster(z.string()),
      /** What pods reach, as seen from the probe's namespace; null where that is not there. */
      seen: z
        .object({
          /** The API's Service, by its name and by its address. */
          name: z.boolean(),
          address: z.boolean(),
          /** The probes of other nodes: of many, some by chance. */
          nodes: ofCluster(
            z.object({
              network: z.string(),
              reached: z.boolean(),
              /** The largest packet that comes there and back, where that is less than `mtu`. */
              passes: z.number().nullish(),
            }),
          ),
        })
        .nullable(),
      /** Where something is not reached: what on the machine may be the cause. */
      suspects: few(z.string()),
    })
    .optional(),
  /** The Ceph cluster as the monitors see it. */
  ceph: z
    .object({
      fsid: id,
      health: z.string(),
      checks: ofCluster(z.object({ name: z.string(), severity: z.string(), message: z.string() })),
      monitors: ofCluster(z.object({ name: z.string(), quorum: z.boolean() })),
      manager: z.string().nullable(),
      osds: ofCluster(z.object({ id: z.number(), uuid: id, up: z.boolean(), in: z.boolean() })),
      /** Bytes. */
      bytes: z.object({ used: z.number(), total: z.number() }),
    })
    .optional(),
});

export type Report = z.infer<typeof report>;
export type KubernetesView = NonNullable<Report["kubernetes"]>;
export type EtcdMember = NonNullable<Report["etcd"]>["members"][number];
export type NetworkView = NonNullable<Report["network"]>;
export type CephView = NonNullable<Report["ceph"]>;
