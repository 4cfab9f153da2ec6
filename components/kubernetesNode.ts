import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan, NodePlan } from "../config/plan";
import { admit } from "../steps/admit";
import { kubelet, nodeServices } from "../steps/kubelet";
import type { Credentials } from "./credentials";
import type { EtcdCluster } from "./etcdCluster";
import type { JoinQueue } from "./joinQueue";
import type { Machine } from "./machine";
import type { Steps } from "./steps";

export interface KubernetesNodeArgs {
  readonly cluster: ClusterPlan;
  readonly credentials: Credentials;
  readonly etcd: EtcdCluster;
  /** The master that lets the node in and, one day, out: a master does it for itself, a worker's is another machine. */
  readonly via: Machine;
  /** The nodes that join with it. */
  readonly queue: JoinQueue;
  readonly steps: Steps;
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
    const { cluster, credentials, etcd, via, queue, steps } = args;
    const { machine } = credentials;
    const { node } = machine;
    this.node = node;
    const [joins, letIn] = [queue.step(`${name}-kubelet`), queue.step(`${name}-admit`)];
    const hooks = { beforeCreate: [queue.hook], beforeUpdate: [queue.hook] };

    this.ready = machine.run(
      kubelet({ cluster, node, reads: credentials.reads(nodeServices(node)) }),
      queue.turn(steps.before(`${node.name}/kubelet`), letIn),
      { parent: this, hooks },
    );
    joins.watch(this.ready);
    steps.add(`${node.name}/kubelet`, this.ready);
    // Runs beside the kubelet's own step, which waits for what this one approves.
    this.admitted = via.run(
      admit({ node, identity: machine.identity, token: machine.token }),
      // A node whose kubelet does not begin is not waited for.
      steps
        .before(`${node.name}/admit`)
        .apply(async (joinable) => ((await joins.begun) ? joinable : [this.ready])),
      { parent: this, deletedWith: etcd.genesis, hooks },
      `${name}-admit`,
    );
    letIn.watch(this.admitted);
    steps.add(`${node.name}/admit`, this.admitted);
    this.registerOutputs();
  }
}
