import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan, NodePlan } from "../config/plan";
import { admit } from "../steps/admit";
import { invite } from "../steps/invite";
import { kubelet, nodeServices } from "../steps/kubelet";
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
    const joinable = [credentials.installed, ...after];
    const turn = rollout?.turnOf(node, cluster.nodes) ?? pulumi.output([]);
    const { identity, token } = machine;
    // No step: one that succeeded is not run again, and an up that goes on after hours needs a new token.
    const invited = node.lost
      ? []
      : [
          new pulumi.ResourceHook(
            `${name}-invited`,
            via.atHand(invite({ node, identity, token }), `${name}-invite`),
          ),
        ];

    this.ready = machine.run(
      kubelet({ cluster, node, reads: credentials.reads(nodeServices(node)) }),
      turn.apply((earlier) => [...joinable, ...earlier]),
      { parent: this, hooks: { beforeCreate: invited, beforeUpdate: invited } },
    );
    rollout?.add(node, this.ready);
    this.admitted = via.run(
      admit({ node, identity, tokenId: token.id }),
      [this.ready],
      { parent: this, deletedWith: etcd.genesis },
      `${name}-admit`,
    );
    this.registerOutputs();
  }
}
