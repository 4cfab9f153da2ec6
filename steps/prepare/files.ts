import type { ClusterPlan } from "../../config/plan";
import { pluginOf } from "../../networks";

/** Programs of the distribution every node of Kubernetes needs; the names are the same in Debian and Ubuntu. */
export const packages = [
  "ca-certificates",
  "conntrack",
  "containerd",
  "containernetworking-plugins",
  "curl",
  "ethtool",
  "iproute2",
  "iptables",
  "jq",
  "nftables",
  "openssl",
  "runc",
  "socat",
] as const;

const modules = ["br_netfilter", "nf_conntrack", "overlay"];
const ipvsModules = ["ip_set", "ip_vs", "ip_vs_rr", "ip_vs_sh", "ip_vs_wrr"];

/** What is loaded by name at boot: kube-proxy finds what its mode ipvs needs, and loads none of it. */
export const kernelModules = (cluster: ClusterPlan): readonly string[] => [
  ...modules,
  ...pluginOf(cluster).modules(cluster),
  ...(cluster.kubernetes.kubeProxy.mode === "ipvs" ? ipvsModules : []),
];

/** Kernel settings. The second half is what the kubelet demands with `protectKernelDefaults`. */
export const sysctls = `net.ipv4.ip_forward = 1
net.bridge.bridge-nf-call-iptables = 1
net.bridge.bridge-nf-call-ip6tables = 1
vm.overcommit_memory = 1
vm.panic_on_oom = 0
kernel.panic = 10
kernel.panic_on_oops = 1
kernel.keys.root_maxkeys = 1000000
kernel.keys.root_maxbytes = 25000000
`;

/**
 * containerd's configuration in version 2, which containerd 1.6 to 2.x read. The marks between @ are the machine's own
 * facts, filled in by the prepare step.
 */
export function containerdConfig(cluster: ClusterPlan): string {
  return `version = 2
imports = ["/etc/containerd/conf.d/*.toml"]

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${cluster.images.pause}"
  restrict_oom_score_adj = @restrict_oom_score_adj@
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${pluginOf(cluster).programs}"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = @systemd_cgroup@
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
`;
}
