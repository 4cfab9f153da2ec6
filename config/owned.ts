/** A program of Kubernetes whose flags the file may add to. */
export type Daemon =
  "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" | "kube-proxy" | "etcd";

/** Flags that Groundwork sets and does not let go: what it works by, and what is hardened. */
export const ownedFlags: Readonly<Record<Daemon, readonly string[]>> = {
  "kube-apiserver": [
    "admission-control-config-file",
    "advertise-address",
    "allow-privileged",
    "audit-log-path",
    "audit-policy-file",
    "authentication-config",
    "authorization-mode",
    "client-ca-file",
    "enable-admission-plugins",
    "enable-bootstrap-token-auth",
    "encryption-provider-config",
    "encryption-provider-config-automatic-reload",
    "etcd-cafile",
    "etcd-certfile",
    "etcd-keyfile",
    "etcd-servers",
    "kubelet-certificate-authority",
    "kubelet-client-certificate",
    "kubelet-client-key",
    "kubelet-preferred-address-types",
    "profiling",
    "proxy-client-cert-file",
    "proxy-client-key-file",
    "requestheader-allowed-names",
    "requestheader-client-ca-file",
    "requestheader-extra-headers-prefix",
    "requestheader-group-headers",
    "requestheader-username-headers",
    "secure-port",
    "service-account-extend-token-expiration",
    "service-account-issuer",
    "service-account-key-file",
    "service-account-signing-key-file",
    "service-cluster-ip-range",
    "tls-cert-file",
    "tls-cipher-suites",
    "tls-min-version",
    "tls-private-key-file",
  ],
  "kube-controller-manager": [
    "allocate-node-cidrs",
    "authentication-kubeconfig",
    "authorization-kubeconfig",
    "bind-address",
    "client-ca-file",
    "cluster-cidr",
    "cluster-name",
    "cluster-signing-kube-apiserver-client-cert-file",
    "cluster-signing-kube-apiserver-client-key-file",
    "cluster-signing-kubelet-client-cert-file",
    "cluster-signing-kubelet-client-key-file",
    "cluster-signing-kubelet-serving-cert-file",
    "cluster-signing-kubelet-serving-key-file",
    "controllers",
    "kubeconfig",
    "leader-elect",
    "node-cidr-mask-size",
    "profiling",
    "requestheader-client-ca-file",
    "root-ca-file",
    "service-account-private-key-file",
    "service-cluster-ip-range",
    "tls-cert-file",
    "tls-private-key-file",
    "use-service-account-credentials",
  ],
  "kube-scheduler": [
    "authentication-kubeconfig",
    "authorization-kubeconfig",
    "bind-address",
    "client-ca-file",
    "kubeconfig",
    "leader-elect",
    "profiling",
    "requestheader-client-ca-file",
    "tls-cert-file",
    "tls-private-key-file",
  ],
  "kube-proxy": [
    "cluster-cidr",
    "hostname-override",
    "kubeconfig",
    "metrics-bind-address",
    "proxy-mode",
  ],
  etcd: [
    "advertise-client-urls",
    "cert-file",
    "client-cert-auth",
    "data-dir",
    "feature-gates",
    "initial-advertise-peer-urls",
    "key-file",
    "listen-client-urls",
    "listen-metrics-urls",
    "listen-peer-urls",
    "max-learners",
    "name",
    "peer-cert-file",
    "peer-client-cert-auth",
    "peer-key-file",
    "peer-trusted-ca-file",
    "trusted-ca-file",
  ],
};

/** Why a flag may not be set, or whose place it is: the end of a sentence. */
type Reasons = Readonly<Record<string, string>>;

const field = (name: string) => `cluster.kubernetes.api_server.${name}`;
const ends = {
  help: "makes it print and end; remove it",
  version: "makes it print and end; remove it",
};
const issuer = `kills the API server beside its authentication configuration; give the issuer in ${field("authentication.jwt")}`;
const webhook =
  "kills an API server that asks no webhook for rights; give rights by RBAC, and remove it";
const everybody = "would let in whoever shows nothing; remove it";
const election = "would let two of them work at once while the change rolls; remove it";
const served = {
  ...ends,
  "authorization-always-allow-paths": "would answer more than health to everybody; remove it",
  "leader-elect-resource-*": election,
  "authentication-skip-lookup": "would keep its metrics from those who may read them; remove it",
  master: "stands in its kubeconfig; remove it",
  "secure-port": "is where its health is asked for; remove it",
};
const file = "replaces flags that Groundwork sets; give flags here in its place";
const birth = "belongs to a member's birth, which Groundwork looks after; remove it";
const weakens =
  "would have etcd believe peers and clients that show no certificate of its authority; remove it";

/**
 * Flags that pass for valid and then keep the program from running, or take off what is hardened. A star stands for any
 * end of a name. Of a flag that is owned: the field that says the same.
 */
export const refusedFlags: Readonly<Record<Daemon, Reasons>> = {
  "kube-apiserver": {
    ...ends,
    "admission-control": `is gone from Kubernetes; give ${field("admission.plugins")}`,
    "admission-control-config-file": `is Groundwork's; give ${field("admission")}`,
    "anonymous-auth":
      "kills the API server beside its authentication configuration, by which who shows nothing is answered health alone; remove it",
    "audit-policy-file": `is Groundwork's; give ${field("audit_policy_file")}`,
    "authentication-config": `is Groundwork's; give ${field("authentication.jwt")}`,
    "authorization-config":
      "kills the API server beside authorization-mode, which is Node,RBAC; give rights by RBAC, and remove it",
    "authorization-policy-file": "is of the mode ABAC; give rights by RBAC, and remove it",
    "authorization-webhook-*": webhook,
    "debug-socket-path":
      "would show profiles to whoever reaches its socket, without asking who it is; remove it",
    "bind-address":
      "would take it from 127.0.0.1 or from the node's address, and both are used; remove it",
    "disable-admission-plugins": `would take off what the cluster is protected by; remove it, and to let every pod in, give ${field("admission.pod_security.enforce")}: privileged`,
    "enable-admission-plugins": `is Groundwork's; give ${field("admission.plugins")}`,
    "endpoint-reconciler-type": "decides how pods find the API servers; remove it",
    "etcd-prefix": "would make the API server find an empty etcd; remove it",
    "etcd-servers-overrides": "would keep objects where no backup finds them; remove it",
    "insecure-*": `is gone from Kubernetes, and ${everybody}`,
    "oidc-*": issuer,
    "service-account-lookup": "would let deleted tokens go on; remove it",
    "service-account-signing-endpoint": "kills the API server beside its signing key; remove it",
    "token-auth-file": `makes tokens that never end and stand on every master; give people an issuer in ${field("authentication.jwt")}, and programs a ServiceAccount`,
  },
  "kube-controller-manager": {
    ...served,
    "cidr-allocator-type":
      "decides which pod network a node gets, which Groundwork does; remove it",
    "cluster-signing-cert-file":
      "excludes the authorities by kind of request that Groundwork sets; remove it",
    "cluster-signing-key-file":
      "excludes the authorities by kind of request that Groundwork sets; remove it",
    "cluster-signing-legacy-unknown-*":
      "would sign requests that nobody knows the use of; remove it",
    "node-cidr-mask-size*": "is Groundwork's; give cluster.networking.node_cidr_mask_size",
  },
  "kube-scheduler": { ...served, config: file, "write-config-to": ends.help },
  "kube-proxy": {
    ...ends,
    cleanup: "makes it take off its rules and end; remove it",
    config: file,
    "init-only": ends.help,
    master: served.master,
    "nodeport-addresses": "is Groundwork's; give cluster.kubernetes.kube_proxy.nodeport_addresses",
    "proxy-mode": "is Groundwork's; give cluster.kubernetes.kube_proxy.mode",
    "write-config-to": ends.help,
  },
  etcd: {
    ...ends,
    "auto-tls": weakens,
    "client-cert-allowed-hostname": "would lock out the API server or another member; remove it",
    "config-file": file,
    "discovery*": birth,
    "force-new-cluster":
      "makes a cluster of one at every start; remove it, and see docs/operations.md for a cluster that lost its quorum",
    "initial-cluster*": birth,
    "max-learners": birth,
    "listen-client-http-urls": "would open a port that Groundwork does not know of; remove it",
    "peer-auto-tls": weakens,
    "peer-cert-allowed-*": "would lock out other members; remove it",
    "*peer-skip-client-san-verification": weakens,
    "strict-reconfig-check": "would let a member go that the quorum needs; remove it",
    "unsafe-no-fsync": "would lose what was acknowledged at a power cut; remove it",
    "wal-dir": "would keep data where neither backup nor reset finds it; remove it",
  },
};

/** Values by which a flag takes off what the cluster works by, with the reason: the end of a sentence. */
export const refusedValues: Readonly<
  Partial<Record<Daemon, Readonly<Record<string, readonly [RegExp, string]>>>>
> = {
  "kube-apiserver": {
    "runtime-config": [
      /=false(,|$)/i,
      "turns off kinds of objects by which nodes register and are protected; give only what is to come on",
    ],
  },
};

/** Fields of KubeletConfiguration that Groundwork sets and does not let go: what it works by, and what is hardened. */
export const kubeletFields: readonly string[] = [
  "apiVersion",
  "authentication",
  "authorization",
  "cgroupDriver",
  "clusterDNS",
  "clusterDomain",
  "containerRuntimeEndpoint",
  "healthzBindAddress",
  "kind",
  "makeIPTablesUtilChains",
  "protectKernelDefaults",
  "readOnlyPort",
  "registerWithTaints",
  "resolvConf",
  "rotateCertificates",
  "seccompDefault",
  "serverTLSBootstrap",
  "tlsCipherSuites",
  "tlsMinVersion",
];
