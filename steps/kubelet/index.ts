import type * as pulumi from "@pulumi/pulumi";
import { type ClusterPlan, type NodePlan, roleOf } from "../../config/plan";
import type { Reader } from "../services";
import type { NodeFile, Step } from "../step";
import { unitFile } from "../unit";
import { apiProxyUnit, haproxyConfig } from "./apiProxy";
import { flannelNetConf, flannelUnit, probeFiles } from "./flannel";
import { kubeletConfiguration, kubeletKubeconfig, kubeletUnit, kubeProxyUnit } from "./units";

export interface KubeletArgs {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
  /** What {@link nodeServices} read when they start: see `files_of` in steps/lib/lib.sh. */
  readonly reads: pulumi.Input<string>;
}

/** The services of a node that runs pods, in the order in which they start. */
export function nodeServices(node: NodePlan): Reader[] {
  return [
    ...(roleOf(node) === "worker" ? (["kube-api-proxy"] as const) : []),
    "kubelet",
    "kube-proxy",
    "flanneld",
  ];
}

/** The node has its own certificate, and kubelet, kube-proxy, flannel and, on a worker, the proxy to the API run: it is Ready. */
export function kubelet({ cluster, node, reads }: KubeletArgs): Step<"UNITS" | "READS"> {
  return {
    script: "kubelet",
    variables: {
      UNITS: nodeServices(node)
        .map((service) => `${service}.service`)
        .join(" "),
      READS: reads,
    },
    files: nodeFiles(cluster, node),
  };
}

function nodeFiles(cluster: ClusterPlan, node: NodePlan): NodeFile[] {
  return [
    { path: "/var/lib/kubelet/config.yaml", content: kubeletConfiguration(cluster, node) },
    { path: "/etc/kubernetes/kubelet.conf", content: kubeletKubeconfig(), constant: true },
    unitFile("kubelet", kubeletUnit(node)),
    unitFile("kube-proxy", kubeProxyUnit(cluster, node)),
    { path: "/etc/kube-flannel/net-conf.json", content: flannelNetConf(cluster), mode: "0644" },
    { path: "/usr/local/lib/groundwork/flannel-cni", part: "flannel-cni", mode: "0755" },
    unitFile("flanneld", flannelUnit(node)),
    ...probeFiles(cluster),
    ...(roleOf(node) === "worker"
      ? [
          { path: "/etc/kubernetes/haproxy.cfg", content: haproxyConfig(cluster) },
          { ...unitFile("kube-api-proxy", apiProxyUnit()), constant: true },
        ]
      : []),
  ];
}
