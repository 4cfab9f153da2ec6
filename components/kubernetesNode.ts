import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { type ClusterPlan, type NodePlan, roleOf } from "../config/plan";
import { apiProxyUnit, haproxyConfig } from "../steps/kubelet/apiProxy";
import {
  flannelCniScript,
  flannelNetConf,
  flannelUnit,
  probeFiles,
} from "../steps/kubelet/flannel";
import {
  kubeletConfiguration,
  kubeletKubeconfig,
  kubeletUnit,
  kubeProxyUnit,
} from "../steps/kubelet/units";
import type { Reader } from "../steps/services";
import type { NodeFile } from "../steps/program";
import { unitFile } from "../steps/unit";
import type { Credentials } from "./credentials";
import type { EtcdCluster } from "./etcdCluster";
import type { Machine } from "./machine";
import type { Rollout } from "./rollout";

export interface KubernetesNodeArgs {
  readonly cluster: ClusterPlan;
  readonly credentials: Credentials;
  readonly etcd: EtcdCluster;
  /** The master that lets the node in and, one day, out: a master does it for itself, a worker's is another machine. */
  readonly via: Machine;
  /** What must be there before a node can join: an API server, and the rights by which nodes join. */
  readonly after: readonly pulumi.Resource[];
  /** When a change of its settings reaches the node; absent: with all others. */
  readonly rollout?: Rollout;
}

/** Minutes for which a node's bootstrap token is good. */
export const bootstrapTokenMinutes = 15;

/** Seconds a removed node's pods have to leave it. */
const drainWithin = 300;

/**
 * A node that runs pods: kubelet, kube-proxy, network plugin and, on a worker, the proxy to the API servers. All nodes
 * join in parallel. Deleting it drains the node and takes it out of Kubernetes.
 */
export class KubernetesNode extends pulumi.ComponentResource {
  readonly node: NodePlan;
  /** The kubelet runs and the node is Ready. */
  readonly ready: command.remote.Command;
  /** The cluster has let the node in, with its labels and taints. */
  readonly admitted: command.remote.Command;

  constructor(name: string, args: KubernetesNodeArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:KubernetesNode", name, {}, opts);
    const { cluster, credentials, etcd, via, after, rollout } = args;
    const { machine } = credentials;
    const { node } = machine;
    this.node = node;
    const services: Reader[] = [
      ...(roleOf(node) === "worker" ? (["kube-api-proxy"] as const) : []),
      "kubelet",
      "kube-proxy",
      "flanneld",
    ];
    const joinable = [credentials.installed, ...after];
    const turn = rollout?.turnOf(node, cluster.nodes) ?? pulumi.output([]);
    const target = {
      TARGET: node.name,
      TARGET_IP: node.ip,
      TOKEN_ID: machine.token.id,
      IDENTITY: machine.identity,
    };
    // Not a step: a run that was cut short and goes on after hours needs a new token.
    const invited = new pulumi.ResourceHook(`${name}-invited`, () =>
      via.runNow("invite", {
        vars: {
          ...target,
          STEP: `to let ${node.name} join`,
          TOKEN_MINUTES: String(bootstrapTokenMinutes),
        },
        texts: { token_secret: machine.token.secret },
      }),
    );

    this.ready = machine.run(
      "kubelet",
      {
        vars: {
          UNITS: services.map((service) => `${service}.service`).join(" "),
          READS: credentials.reads(services),
        },
        files: nodeFiles(cluster, machine),
      },
      turn.apply((earlier) => [...joinable, ...earlier]),
      { parent: this, hooks: { beforeCreate: [invited], beforeUpdate: [invited] } },
    );
    rollout?.add(node, this.ready);
    this.admitted = via.run(
      "admit",
      {
        delete: "dismiss",
        vars: {
          ...target,
          LABELS: JSON.stringify(node.labels),
          TAINTS: JSON.stringify(node.taints),
          READY_WITHIN: "180",
          DRAIN_WITHIN: String(drainWithin),
        },
      },
      [this.ready],
      { parent: this, deletedWith: etcd.genesis },
      `${name}-admit`,
    );
    this.registerOutputs();
  }
}

function nodeFiles(cluster: ClusterPlan, { node }: Machine): NodeFile[] {
  return [
    { path: "/var/lib/kubelet/config.yaml", content: kubeletConfiguration(cluster, node) },
    { path: "/etc/kubernetes/kubelet.conf", content: kubeletKubeconfig() },
    unitFile("kubelet", kubeletUnit(node)),
    unitFile("kube-proxy", kubeProxyUnit(cluster, node)),
    { path: "/etc/kube-flannel/net-conf.json", content: flannelNetConf(cluster), mode: "0644" },
    { path: "/usr/local/lib/groundwork/flannel-cni", content: flannelCniScript, mode: "0755" },
    unitFile("flanneld", flannelUnit(node)),
    ...probeFiles(cluster),
    ...(roleOf(node) === "worker"
      ? [
          { path: "/etc/kubernetes/haproxy.cfg", content: haproxyConfig(cluster) },
          unitFile("kube-api-proxy", apiProxyUnit()),
        ]
      : []),
  ];
}
