import { artifactsOf, artifactUrl, versionsOf } from "./artifacts";
import { type AuditPolicy, readAuditPolicy } from "./auditPolicy";
import { withCalls } from "./calls";
import { cephNamespace, deriveCeph } from "./ceph";
import { deriveEndpoint, namesOf } from "./endpoint";
import { deriveEtcd } from "./etcd";
import { networkOf } from "./interfaces";
import { nthAddress } from "./ipv4";
import { mergedConfig } from "./kubelet/merge";
import { textIn } from "./operatorFile";
import type {
  ApiServerPlan,
  Artifact,
  ClusterPlan,
  FirewallPlan,
  NodePlan,
  Role,
  RolloutPlan,
  SshTarget,
  Taint,
} from "./plan";
import { readPassword, readPrivateKey } from "./privateKey";
import { deriveProxy } from "./proxy";
import { deriveRegistries } from "./registries";
import { byDigest, released } from "./released";
import type { ClusterFile } from "./schema";
import { Ways } from "./sshTarget";
import { pluginNamed } from "../networks";
import { images } from "./versions";

type Cluster = ClusterFile["cluster"];
type Node = ClusterFile["nodes"][number];

const allRoles: readonly Role[] = ["master", "worker", "ceph-mon", "ceph-osd"];

/**
 * The plan of a cluster. The order of nodes, roles and keys in the file makes no difference to it, and no node's plan
 * depends on which other nodes there are, but for how one is reached that calls: through the masters.
 * @param file without issues
 * @param baseDir folder of the file, where relative paths in it start
 */
export function derivePlan(file: ClusterFile, baseDir: string): ClusterPlan {
  const { cluster, nodes: entries } = file;
  const ways = new Ways(cluster.ssh, baseDir);
  const managed = entries.filter(({ managed }) => managed);
  const nodes = withCalls(
    managed.map((node) => nodePlan(node, file, ways, baseDir)).sort(byName),
    new Set(managed.flatMap(({ name, via }) => (via === "call" ? [name] : []))),
    cluster.join_service,
  );
  const masters = nodes.filter(({ roles, lost }) => roles.includes("master") && !lost);
  const storage = new Map(entries.map((entry) => [entry.name, entry.storage]));
  const { networking } = cluster;
  const ceph = deriveCeph(
    cluster.ceph,
    nodes.map((plan) => ({ plan, storage: storage.get(plan.name) ?? { devices: [] } })),
    baseDir,
  );
  return {
    name: cluster.name,
    kubernetes: {
      version: cluster.kubernetes.version,
      apiServer: apiServerPlan(cluster, ceph !== undefined, baseDir),
      rollout: rolloutPlan(cluster.kubernetes.rollout),
      kubeProxy: {
        mode: cluster.kubernetes.kube_proxy.mode,
        nodePortAddresses: [...new Set(cluster.kubernetes.kube_proxy.nodeport_addresses)].sort(),
      },
      rotations: {
        encryptionKey: cluster.kubernetes.rotations.encryption_key,
        serviceAccountKey: cluster.kubernetes.rotations.service_account_key,
        oldestServiceAccountKey: cluster.kubernetes.rotations.oldest_service_account_key,
        authorities: cluster.kubernetes.rotations.authorities,
        oldestAuthorities: cluster.kubernetes.rotations.oldest_authorities,
      },
      extraArgs: {
        "kube-apiserver": sorted(cluster.kubernetes.api_server.extra_args),
        "kube-controller-manager": sorted(cluster.kubernetes.controller_manager.extra_args),
        "kube-scheduler": sorted(cluster.kubernetes.scheduler.extra_args),
        "kube-proxy": sorted(cluster.kubernetes.kube_proxy.extra_args),
        etcd: sorted(cluster.kubernetes.etcd.extra_args),
      },
    },
    versions: versionsOf(cluster),
    etcd: deriveEtcd(cluster.etcd, cluster.name, masters, baseDir),
    networking: {
      plugin: networking.plugin,
      ...pluginSettings(networking),
      podCidr: networking.pod_cidr,
      nodeCidrMaskSize: networking.node_cidr_mask_size,
      serviceCidr: networking.service_cidr,
      clusterDomain: networking.cluster_domain,
      dnsServers: networking.dns_servers,
      stubDomains: sorted(networking.stub_domains),
      apiServiceIp: nthAddress(networking.service_cidr, 1),
      dnsServiceIp: nthAddress(networking.service_cidr, 10),
      ...(networking.firewall.enabled && { firewall: firewallPlan(networking.firewall) }),
    },
    endpoint: deriveEndpoint(cluster.endpoint, masters[0]?.ip ?? ""),
    images: {
      pause: cluster.images.pause ?? byDigest(images.pause),
      coredns: cluster.images.coredns ?? byDigest(images.coredns),
    },
    registries: deriveRegistries(cluster, baseDir),
    proxy: deriveProxy(cluster),
    preflightAllow: [...new Set([...cluster.preflight.allow, ...cluster.preflight.fix])].sort(),
    preflightFix: [...new Set(cluster.preflight.fix)].sort(),
    ntpServers: cluster.ntp_servers,
    nodes,
    joinServicePort: cluster.join_service.port,
    masters,
    unmanaged: entries
      .filter(({ managed }) => !managed)
      .map(({ name, ip, cert_sans }) => ({ name, ip, certSans: [...new Set(cert_sans)].sort() }))
      .sort(byName),
    ceph,
  };
}

function firewallPlan({ trusted, clients }: Cluster["networking"]["firewall"]): FirewallPlan {
  const listed = (networks: readonly string[]) => [...new Set(networks)].sort();
  return { trusted: listed(trusted), clients: listed(clients) };
}

/** The settings of the network plugin, where it has any. */
function pluginSettings(networking: Cluster["networking"]): { settings?: unknown } {
  const { name, fields } = pluginNamed(networking.plugin);
  const given = (networking as Readonly<Record<string, unknown>>)[name];
  return fields ? { settings: fields.parse(given ?? {}) } : {};
}

function rolloutPlan({
  batch,
  drain,
  drain_seconds,
}: Cluster["kubernetes"]["rollout"]): RolloutPlan {
  const percent = typeof batch === "string" ? parseInt(batch) : undefined;
  return {
    batch: percent === undefined ? { nodes: Number(batch) } : { percent },
    drain,
    drainSeconds: drain_seconds,
  };
}

/** Enough for a busy namespace or controller; nobody's events keep out the others'. */
const eventRateLimits = [
  { type: "Namespace", qps: 50, burst: 100 },
  { type: "User", qps: 50, burst: 100 },
];

function apiServerPlan(cluster: Cluster, isCeph: boolean, baseDir: string): ApiServerPlan {
  const { kubernetes, endpoint } = cluster;
  const { cert_sans, authentication, admission, audit_policy_file } = kubernetes.api_server;
  const { plugins, pod_security, event_rate_limits = eventRateLimits } = admission;
  const { enforce, audit = enforce, warn = enforce, exempt_namespaces } = pod_security;
  const own = ["kube-system", ...(isCeph ? [cephNamespace] : [])];
  return {
    // A host alone may be a master's own address: who asks for the certificate sees to that.
    certSans: [...new Set([...cert_sans, ...namesOf({ ...endpoint, host: undefined })])].sort(),
    jwt: authentication.jwt,
    admissionPlugins: [...new Set(plugins)].sort(),
    podSecurity: {
      enforce,
      audit,
      warn,
      exemptNamespaces: [...new Set([...own, ...exempt_namespaces])].sort(),
    },
    eventRateLimits: plugins.includes("EventRateLimit") ? event_rate_limits : [],
    ...(audit_policy_file !== undefined && {
      auditPolicy: auditPolicy(audit_policy_file, baseDir),
    }),
  };
}

function auditPolicy(file: string, baseDir: string): AuditPolicy {
  const read = readAuditPolicy(file, baseDir);
  if ("problem" in read) throw new Error(`${file} ${read.problem}`);
  return read.policy;
}

function nodePlan(node: Node, file: ClusterFile, ways: Ways, baseDir: string): NodePlan {
  const { cluster } = file;
  const { name, ip, hostname = name, architecture, generation, lost } = node;
  const roles = allRoles.filter((role) => node.roles.includes(role));
  const network = networkOf(node, cluster.networking.interface_defaults);
  const group = node.group === undefined ? undefined : file.groups[node.group];
  const kubelets = [cluster.kubernetes.kubelet, ...(group ? [group.kubelet] : []), node.kubelet];
  return {
    name,
    ip,
    hostname,
    architecture,
    roles,
    ssh: sshTarget(node, ways, baseDir),
    labels: sorted({ ...group?.labels, ...node.labels, ...roleLabels(roles) }),
    taints: [...roleTaints(roles), ...taintsOf(group?.taints ?? [], node.taints)],
    kubelet: {
      config: sorted(mergedConfig(kubelets.map(({ config }) => config))),
      extraArgs: sorted(
        Object.fromEntries(kubelets.flatMap(({ extra_args }) => Object.entries(extra_args))),
      ),
    },
    macAddresses: [...node.hardware.mac_addresses].sort(),
    ...(network && { network }),
    generation,
    maintenance: node.maintenance ?? cluster.maintenance,
    lost,
    artifacts: artifacts({ roles, architecture }, cluster),
  };
}

function roleLabels(roles: readonly Role[]): Record<string, string> {
  return {
    ...(roles.includes("master") ? { "node-role.kubernetes.io/control-plane": "" } : {}),
    ...(roles.includes("worker") ? { "node-role.kubernetes.io/worker": "" } : {}),
  };
}

function roleTaints(roles: readonly Role[]): Taint[] {
  return roles.includes("master") && !roles.includes("worker")
    ? [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }]
    : [];
}

/** Those of a group, but for what the node says of the same key and effect; then the node's. */
function taintsOf(group: readonly Taint[], node: readonly Taint[]): Taint[] {
  const isSame = (a: Taint, b: Taint) => a.key === b.key && a.effect === b.effect;
  return [...group.filter((taint) => !node.some((own) => isSame(own, taint))), ...node];
}

function sshTarget(node: Node, ways: Ways, baseDir: string): SshTarget {
  const { keyFile, sudoPasswordFile, bastion, ...way } = ways.to(node);
  const key = (file: string | undefined) => privateKey(file, baseDir);
  const { keyFile: bastionKey, ...jump } = bastion ?? {};
  return {
    ...way,
    hostKey: node.host_key ?? "",
    ...key(keyFile),
    ...(sudoPasswordFile !== undefined && {
      sudoPassword: textIn(sudoPasswordFile, readPassword(sudoPasswordFile, baseDir)),
    }),
    ...(bastion && {
      bastion: { ...(jump as Omit<typeof bastion, "keyFile">), ...key(bastionKey) },
    }),
  };
}

/** The field `privateKey` of an SSH target, or no field at all: then ssh-agent is asked. */
function privateKey(file: string | undefined, baseDir: string): { privateKey?: string } {
  return file === undefined ? {} : { privateKey: textIn(file, readPrivateKey(file, baseDir)) };
}

function artifacts(node: Pick<NodePlan, "roles" | "architecture">, cluster: Cluster): Artifact[] {
  const { base_url, sha256 } = cluster.artifacts;
  return artifactsOf(node, versionsOf(cluster), pluginNamed(cluster.networking.plugin)).map(
    ({ name, key, installs }) => {
      const checksum = sha256[key] ?? released.sha256[key];
      if (checksum === undefined) throw new Error(`there is no checksum for ${key}`);
      return { name, url: artifactUrl(key, base_url), sha256: checksum, installs };
    },
  );
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

/** The same entries in order of their keys. */
function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
