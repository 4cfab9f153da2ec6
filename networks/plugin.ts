import type { z } from "zod";
import type { ArtifactSource, Downloader, Versions } from "../config/artifacts";
import type { ClusterPlan, NodePlan } from "../config/plan";
import type { Binding } from "../manifests/rbac";
import type { ClusterStatus } from "../status/cluster";
import type { Finding } from "../status/finding";
import type { NodeFile } from "../steps/step";

/** A service of a plugin on a node. */
export interface NetworkService {
  /** `flanneld`; its unit is among the plugin's files. */
  readonly name: string;
  /** What it reads when it starts, its program included, beside its unit file: see `reads` in steps/services.ts. */
  readonly reads: (versions: Versions) => readonly string[];
}

/** A port at which nodes send each other pods' packets. */
export interface NetworkPort {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

/**
 * What a plugin makes on a machine beside its files: preflight refuses a machine that has some of it, and says of one that
 * has another plugin's; reset takes it off.
 */
export interface Traces {
  /** Links, as patterns of bash: `cni0`, `cali*`. */
  readonly links: readonly string[];
  /** Tables of nftables, as extended regular expressions of whole names: `flannel-ipv[46]`. */
  readonly tables: readonly string[];
  /** With what names of iptables' chains begin, before `-` or `_`: `FLANNEL`. */
  readonly chains: readonly string[];
  /** Folders of `/run` that go with the plugin, and what is mounted in them; those on disks go with the files that steps record. */
  readonly folders: readonly string[];
  /** Protocols by which its routes are known, such as `80`, where these do not go with its links; default: none. */
  readonly routes?: readonly string[];
}

/** A rule of a role of Kubernetes. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** What Kubernetes is told: an object as its API takes it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  /** What else the kind has: `spec`, `data`. */
  readonly [field: string]: unknown;
}

/**
 * What a plugin is that runs as pods: a manifest of its upstream's, which masters download, and one of them applies when nodes may
 * join. They join without a network, and are let in when they have one.
 */
export interface Installation {
  /** Where masters have the manifest. */
  readonly manifest: string;
  readonly version: (versions: Versions) => string;
  /** The images that the manifest names, by which name nodes get them instead. */
  readonly images: (cluster: ClusterPlan) => Readonly<Record<string, string>>;
  /** What else of the manifest is the cluster's own, for the library. */
  readonly settings: (cluster: ClusterPlan) => Readonly<Record<string, unknown>>;
  /** `namespace/name` of the DaemonSet by which it is on every node. */
  readonly daemonSet: string;
  /**
   * A library of bash in its folder, for the step `network-plugin`: `network_objects` reads the manifest's objects, and prints them as
   * they are to be, and what of the manifest is not as it knows it.
   */
  readonly library: string;
}

/**
 * All that a network plugin is: a value, in a folder of its own, which networks/index.ts names. Who sets up, judges or takes
 * off a cluster asks this, and knows no plugin by its name.
 */
export interface NetworkPlugin {
  /** Its name in `cluster.networking.plugin`. */
  readonly name: string;
  /** What the file's reference says of it, as a part of a sentence: `flannel, which enforces no NetworkPolicy`. */
  readonly about: string;
  /** The folder with its scripts: `__dirname`. Their names are no other plugin's and no step's. */
  readonly folder: string;
  /** Whether it may come after the nodes, which are let in without a network and wait for it; default: no. */
  readonly later?: boolean;
  /** What is applied of it where it runs as pods; default: it does not. */
  readonly installation?: Installation;
  /** Upstream's images, whose digests come with a release; default: it has none. */
  readonly images?: (versions: Versions) => readonly string[];
  /** Those that nodes get by these settings, as the file has them; default: none that are known. */
  readonly pulled?: (settings: unknown) => readonly string[];
  /** Its own settings, below `cluster.networking.NAME`; each has a default, and what they come to is in the plan as
   * `networking.settings`. Default: it has none. */
  readonly fields?: z.ZodObject;
  /** What of the kernel it loads, and does not find loaded: modules by name. */
  readonly modules: (cluster: ClusterPlan) => readonly string[];
  /** What nodes download for it. */
  readonly artifacts: (node: Downloader, versions: Versions) => readonly ArtifactSource[];
  /** Its services on a node that runs pods, in the order in which they start, after the kubelet. */
  readonly services: readonly NetworkService[];
  /** Its files on a node that runs pods, those of its units included. */
  readonly files: (cluster: ClusterPlan, node: NodePlan) => readonly NodeFile[];
  /**
   * A library of bash in its folder, for the step `kubelet`: `network_before` installs the step's files before the services start,
   * `network_follows` when the node is Ready, `network_leads` at the end, when all services stay up.
   */
  readonly library: string;
  /** Which of its services starts anew with each start of the kubelet; default: none. */
  readonly withKubelet?: string;
  /** Where containerd finds the programs of CNI. */
  readonly programs: string;
  /** The file in `/etc/cni/net.d` by which containerd finds the plugin: none may come before it. Absent: none may be there. */
  readonly configuration?: string;
  /** At which ports of a node that runs pods the others reach it, and nobody else needs to; as far as it is known. */
  readonly ports: (cluster: ClusterPlan) => readonly NetworkPort[];
  /** What of it the other nodes must reach, in words that end a sentence; empty: nothing that is known. */
  readonly reached: string;
  readonly traces: Traces;
  /** Roles by name, and who has them, before nodes join. */
  readonly roles: Readonly<Record<string, readonly Rule[]>>;
  readonly bindings: readonly Binding[];
  /** What Kubernetes is told as soon as its API answers. */
  readonly manifests: (cluster: ClusterPlan) => readonly Manifest[];
  /**
   * A library of bash in its folder for `make status`, whose `network_of_NAME` sets `subnet`, `bridge`, `routes` and `table`
   * where the plugin is on the machine, `mtu` where path-mtu is, and `policies`, `yes` or `no`, where it knows whether NetworkPolicy is
   * enforced (status/status.sh). Default: nothing is asked of its nodes.
   */
  readonly looks?: string;
  /** What of the network is not as it should be. */
  readonly judge: (status: ClusterStatus) => readonly Finding[];
}
