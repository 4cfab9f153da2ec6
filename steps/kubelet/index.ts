import type * as pulumi from "@pulumi/pulumi";
import { type ClusterPlan, type NodePlan, roleOf } from "../../config/plan";
import { networkFollows, pluginOf } from "../../networks";
import type { NodeFile, Step } from "../step";
import { unitFile } from "../unit";
import { apiProxyUnit, haproxyConfig } from "./apiProxy";
import { runtimeFiles } from "./runtime";
import { kubeletConfiguration, kubeletKubeconfig, kubeletUnit, kubeProxyUnit } from "./units";

export interface KubeletArgs {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
  /** What {@link nodeServices} read when they start: see `files_of` in steps/lib/lib.sh. */
  readonly reads: pulumi.Input<string>;
}

/** The services of a node that runs pods, in the order in which they start. */
export function nodeServices(node: NodePlan, cluster: ClusterPlan): string[] {
  return [
    ...(roleOf(node) === "worker" ? ["kube-api-proxy"] : []),
    "kubelet",
    ...(cluster.kubernetes.kubeProxy.mode === "off" ? [] : ["kube-proxy"]),
    ...pluginOf(cluster).services.map(({ name }) => name),
  ];
}

/** The node has its own certificate, and kubelet, kube-proxy, network plugin and, on a worker, the proxy to the API run: it is Ready. */
export function kubelet({
  cluster,
  node,
  reads,
}: KubeletArgs): Step<
  | "VERSION"
  | "CONTAINERD_VERSION"
  | "RUNC_VERSION"
  | "UNITS"
  | "READS"
  | "PROXY_MODE"
  | "NETWORK_LATER"
  | "SYSTEM_CPU"
  | "SYSTEM_MEMORY"
> {
  const { authorities } = cluster.kubernetes.rotations;
  const { cpu, memory } = systemReserved(cluster, node);
  return {
    script: "kubelet",
    libraries: [pluginOf(cluster).library],
    variables: {
      VERSION: cluster.kubernetes.version,
      CONTAINERD_VERSION: cluster.versions.containerd ?? "",
      RUNC_VERSION: cluster.versions.runc ?? "",
      UNITS: nodeServices(node, cluster)
        .map((service) => `${service}.service`)
        .join(" "),
      READS: reads,
      PROXY_MODE: cluster.kubernetes.kubeProxy.mode,
      NETWORK_LATER: networkFollows(cluster),
      SYSTEM_CPU: String(cpu),
      SYSTEM_MEMORY: String(memory),
      ...(authorities > 1 && { AUTHORITIES: String(authorities) }),
    },
    files: nodeFiles(cluster, node),
  };
}

/**
 * What runs on the node beside pods and the services that are there for pods: the system itself, a control plane, daemons of
 * Ceph. In thousandths of a processor, and MiB.
 */
function systemReserved({ ceph }: ClusterPlan, node: NodePlan): { cpu: number; memory: number } {
  const isMaster = roleOf(node) === "master";
  const isMonitor = ceph?.monitors.some(({ name }) => name === node.name) ?? false;
  const osds = ceph?.osds.filter((osd) => osd.node.name === node.name).length ?? 0;
  const osdMemory = Math.ceil((ceph?.osdMemoryTarget ?? 0) / 2 ** 20);
  return {
    cpu: 100 + (isMaster ? 500 : 0) + (isMonitor ? 200 : 0) + osds * 200,
    memory: 100 + (isMaster ? 1024 : 0) + (isMonitor ? 1024 : 0) + osds * osdMemory,
  };
}

function nodeFiles(cluster: ClusterPlan, node: NodePlan): NodeFile[] {
  return [
    ...runtimeFiles(cluster.versions),
    { path: "/var/lib/kubelet/config.yaml", content: kubeletConfiguration(cluster, node) },
    { path: "/etc/kubernetes/kubelet.conf", content: kubeletKubeconfig(), constant: true },
    unitFile("kubelet", kubeletUnit(cluster, node)),
    ...(cluster.kubernetes.kubeProxy.mode === "off"
      ? []
      : [unitFile("kube-proxy", kubeProxyUnit(cluster, node))]),
    ...pluginOf(cluster).files(cluster, node),
    ...(roleOf(node) === "worker"
      ? [
          { path: "/etc/kubernetes/haproxy.cfg", content: haproxyConfig(cluster), mode: "0644" },
          { ...unitFile("kube-api-proxy", apiProxyUnit()), constant: true },
        ]
      : []),
  ];
}
