import type { JwtAuthenticator } from "./apiServerFields";
import type { Versions } from "./artifacts";
import type { AuditPolicy } from "./auditPolicy";
import type { CephPlan } from "./ceph";
import type { EndpointPlan } from "./endpoint";
import type { EtcdPlan } from "./etcd";
import type { kubeProxyModes } from "./kubernetesFields";
import type { preflightFixes } from "./preflight";
import type { Daemon } from "./owned";
import type { ProxyPlan } from "./proxy";
import type { RegistryPlan } from "./registries";

/** What a node is in the cluster. `control-plane` in the file is read as `master`. */
export type Role = "master" | "worker" | "ceph-mon" | "ceph-osd";

/** How a machine is reached over SSH. */
export interface SshTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The server's public key as in `ssh_host_ed25519_key.pub`: `ssh-ed25519 AAAA...`. */
  readonly hostKey: string;
  /** Private key in PEM or OpenSSH form, read from the file named in the configuration; absent: ssh-agent. */
  readonly privateKey?: string;
  /** What sudo asks this user for, where it asks. Secret. */
  readonly sudoPassword?: string;
  readonly bastion?: Omit<SshTarget, "bastion" | "sudoPassword">;
}

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
}

/** One file a node downloads, and what of it is installed where. */
export interface Artifact {
  readonly name: string;
  readonly url: string;
  /** Lower-case hex SHA-256 of the file behind `url`. */
  readonly sha256: string;
  /** Installed paths; `member` is the file's path inside a .tar.gz, absent when the download is the program itself. */
  readonly installs: readonly { readonly path: string; readonly member?: string }[];
}

/** Addresses on a network card, a bond or a VLAN. */
export interface LayerPlan {
  /** Each with the length of its prefix: `10.0.0.11/24`. */
  readonly addresses: readonly string[];
  readonly nameservers: readonly string[];
  /** Of the default route. */
  readonly gateway?: string;
  /** In bytes; absent: the kernel's. */
  readonly mtu?: number;
}

/** A network card, or a bond of several. */
export interface LinkPlan extends LayerPlan {
  /** Lower case; of one card, or of all cards of the bond. */
  readonly macAddresses: readonly string[];
  readonly bond?: { readonly name: string; readonly mode: string };
  readonly vlans: readonly (LayerPlan & { readonly id: number })[];
}

/** The network that a machine is given. */
export interface NodeNetwork {
  readonly links: readonly LinkPlan[];
  /** Where it answers as long as it does not have this network; absent: where `ssh` says. */
  readonly bootstrapAddress?: string;
}

/** Where a machine calls. */
export interface JoinServicePlan {
  /** Of the master that takes the call; `operator` where the operator's machine does. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Its public SSH host key, as in `SshTarget`. */
  readonly hostKey: string;
}

/** What a machine needs to know that nobody dials: it calls, and answers over the connection it has made. */
export interface CallPlan {
  readonly services: readonly JoinServicePlan[];
  /** At which it answers on the loopback network of whoever took the call. */
  readonly address: string;
  readonly port: number;
  /** At which its own SSH server listens, at least on its loopback. */
  readonly ownPort: number;
  /** For so many an `up` waits for its call. */
  readonly minutes: number;
}

export interface NodePlan {
  /** Name in the cluster: Kubernetes Node, etcd member, certificate CN. */
  readonly name: string;
  readonly ip: string;
  readonly hostname: string;
  readonly architecture: "amd64" | "arm64";
  readonly roles: readonly Role[];
  /** Of a node that calls: how it is reached when it has called. */
  readonly ssh: SshTarget;
  /** Absent: it is dialled. */
  readonly calls?: CallPlan;
  /** Whether it takes the calls of those that nobody dials; absent: it does not. */
  readonly takesCalls?: true;
  /** Labels as the operator wrote them for the node and its group, plus `node-role.kubernetes.io/{control-plane,worker}: ""`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Taints as written for the node and its group; a master that is not also a worker gets `node-role.kubernetes.io/control-plane:NoSchedule`. */
  readonly taints: readonly Taint[];
  /** What the operator wrote for all kubelets, for the node's group and for the node, the last before the first. */
  readonly kubelet: {
    /** Fields of KubeletConfiguration. */
    readonly config: Readonly<Record<string, unknown>>;
    /** Flags without dashes. */
    readonly extraArgs: Readonly<Record<string, string>>;
  };
  /** Lower-case MAC addresses, one of which the machine must have; empty: not checked. */
  readonly macAddresses: readonly string[];
  /** Absent: its network stays as it is. */
  readonly network?: NodeNetwork;
  /** Raised by the operator to say that the machine was reinstalled. */
  readonly generation: number;
  /** Raised by the operator to have the machine's packages upgraded, and it restarted; 0: never. */
  readonly maintenance: number;
  /** The machine is gone for good: it is never dialled again, and the others forget it. */
  readonly lost: boolean;
  /** Everything this node downloads, by role. */
  readonly artifacts: readonly Artifact[];
}

/** A node that comes by a ticket: the cluster knows who it may be, and nothing else. */
export interface UnmanagedPlan {
  readonly name: string;
  readonly ip: string;
  /** Names and addresses beside these two with which it may serve. */
  readonly certSans: readonly string[];
}

/** What an API server lets in, and whom it believes. */
export interface ApiServerPlan {
  /** Names and addresses in its certificate beside its own and the endpoint's host. */
  readonly certSans: readonly string[];
  /** Issuers whose tokens it takes. */
  readonly jwt: readonly JwtAuthenticator[];
  /** Admission plugins beside Kubernetes' defaults and NodeRestriction. */
  readonly admissionPlugins: readonly string[];
  readonly podSecurity: {
    readonly enforce: string;
    readonly audit: string;
    readonly warn: string;
    /** Namespaces in which every pod is let in. */
    readonly exemptNamespaces: readonly string[];
  };
  /** Limits of the plugin EventRateLimit, where it is on. */
  readonly eventRateLimits: readonly object[];
  /** An audit policy of the operator's own. */
  readonly auditPolicy?: AuditPolicy;
}

/** How many workers change at a time: so many, or as many of a hundred, rounded up. */
export type Batch = { readonly nodes: number } | { readonly percent: number };

/** How a change of what all nodes run goes through them. */
export interface RolloutPlan {
  readonly batch: Batch;
  /** Which upgrades empty a node before: those of a minor version, which Kubernetes asks for, or all. */
  readonly drain: "minor" | "always";
  /** Seconds in which a node's pods have to leave it. */
  readonly drainSeconds: number;
}

/** Who, beside the nodes, may reach what is the cluster's: IPv4 networks. */
export interface FirewallPlan {
  /** May reach what nodes may. */
  readonly trusted: readonly string[];
  /** May reach the API and Ceph's dashboard; none: everybody may. */
  readonly clients: readonly string[];
}

/** How packets get to Services. */
export interface KubeProxyPlan {
  /** `off`: no node runs kube-proxy. */
  readonly mode: (typeof kubeProxyModes)[number];
  /** Networks in which a node's addresses take NodePorts, or `primary`; none: Kubernetes' default. */
  readonly nodePortAddresses: readonly string[];
}

/** Keys that the operator has had followed by others, by counting them up; 1: the one that the cluster was born with. */
export interface RotationsPlan {
  /** Of the key that Secrets are encrypted with in etcd. */
  readonly encryptionKey: number;
  /** Of the key that tokens of service accounts are signed with. */
  readonly serviceAccountKey: number;
  /** Of the oldest one whose tokens are taken. */
  readonly oldestServiceAccountKey: number;
  /** Of the authorities that issue all certificates of Kubernetes and etcd. */
  readonly authorities: number;
  /** Of the oldest ones that are trusted. */
  readonly oldestAuthorities: number;
}

/** Everything the program needs to know about the cluster: plain values, derived once from the file. */
export interface ClusterPlan {
  readonly name: string;
  readonly kubernetes: {
    readonly version: string;
    readonly apiServer: ApiServerPlan;
    readonly rollout: RolloutPlan;
    readonly kubeProxy: KubeProxyPlan;
    readonly rotations: RotationsPlan;
    /** Further flags of each program, without dashes. */
    readonly extraArgs: Readonly<Record<Daemon, Readonly<Record<string, string>>>>;
  };
  readonly etcd: EtcdPlan;
  /** Of what its nodes run; that of Kubernetes again. */
  readonly versions: Versions;
  readonly networking: {
    /** Name of the network plugin (networks/index.ts). */
    readonly plugin: string;
    /** What the plugin's own fields come to; absent where it has none. */
    readonly settings?: unknown;
    readonly podCidr: string;
    /** Prefix length of the pod network of one node. */
    readonly nodeCidrMaskSize: number;
    readonly serviceCidr: string;
    readonly clusterDomain: string;
    /** First usable address of the service CIDR: the `kubernetes` Service. */
    readonly apiServiceIp: string;
    /** Tenth usable address of the service CIDR: CoreDNS. */
    readonly dnsServiceIp: string;
    /** Whom CoreDNS asks for other names; none: whom its node asks. */
    readonly dnsServers: readonly string[];
    /** Domain -> whom CoreDNS asks for names in it. */
    readonly stubDomains: Readonly<Record<string, readonly string[]>>;
    /** Absent: what nodes listen at is open to whoever reaches it. */
    readonly firewall?: FirewallPlan;
  };
  readonly endpoint: EndpointPlan;
  /** Images the cluster itself runs, fully qualified with tag. */
  readonly images: { readonly pause: string; readonly coredns: string };
  /** The registries the file says something of, sorted by host. */
  readonly registries: readonly RegistryPlan[];
  /** Absent: what a machine's own environment says. */
  readonly proxy: ProxyPlan | undefined;
  /** Preflight findings in spite of which a machine is taken, by name: the operator accepts them, or has them mended. */
  readonly preflightAllow: readonly string[];
  /** Of these, what is mended. */
  readonly preflightFix: readonly (typeof preflightFixes)[number][];
  /** Servers by which the machines set their clocks; none: that is left to them. */
  readonly ntpServers: readonly string[];
  /** All nodes that are managed, lost ones too, sorted by name. */
  readonly nodes: readonly NodePlan[];
  /** TCP port at which machines call. */
  readonly joinServicePort: number;
  /** The masters that are not lost; the cluster is born on the first. */
  readonly masters: readonly NodePlan[];
  /** Nodes whose machines are somebody else's affair, sorted by name: nothing dials them. */
  readonly unmanaged: readonly UnmanagedPlan[];
  /** Where nodes have the role ceph-mon. */
  readonly ceph: CephPlan | undefined;
}

/** What a node mainly is: one that is both master and worker counts as a master, one that is neither only stores. */
export function roleOf(node: NodePlan): "master" | "worker" | "storage" {
  if (node.roles.includes("master")) return "master";
  return node.roles.includes("worker") ? "worker" : "storage";
}

type HasRoles = Pick<NodePlan, "roles">;

/** Whether a machine is a node of Kubernetes, as masters are, too. */
export const runsPods = ({ roles }: HasRoles) =>
  roles.includes("master") || roles.includes("worker");

/** Whether daemons of Ceph run on a machine. */
export const runsCeph = ({ roles }: HasRoles) => roles.some((role) => role.startsWith("ceph-"));
