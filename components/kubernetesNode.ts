import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan } from "../config/plan";
import { admit } from "../steps/admit";
import { invite } from "../steps/invite";
import { refill, vacate } from "../steps/vacate";
import { kubelet, nodeServices } from "../steps/kubelet";
import { afterRestore } from "../steps/restore";
import type { Credentials } from "./credentials";
import type { EtcdCluster } from "./etcdCluster";
import type { Machine } from "./machine";

export interface KubernetesNodeArgs {
  readonly cluster: ClusterPlan;
  readonly credentials: Credentials;
  readonly etcd: EtcdCluster;
  /** The master that lets the node in and, one day, out: a master does it for itself, a worker's is another machine. */
  readonly via: Machine;
}

/**
 * A node that runs pods: kubelet, kube-proxy, network plugin and, on a worker, the proxy to the API servers. All nodes
 * join in parallel. Deleting it drains the node and takes it out of Kubernetes.
 */
export class KubernetesNode extends pulumi.ComponentResource {
  constructor(name: string, args: KubernetesNodeArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:KubernetesNode", name, {}, opts);
    const { cluster, credentials, etcd, via } = args;
    const { machine } = credentials;
    const { node, identity, token } = machine;
    machine.run(
      afterRestore(
        cluster,
        kubelet({ cluster, node, reads: credentials.reads(nodeServices(node, cluster)) }),
      ),
      `${node.name}/kubelet`,
      { parent: this, ...(node.lost ? {} : { hooks: this.around(name, args) }) },
    );
    via.run(
      afterRestore(cluster, admit({ node, identity, tokenId: token.id, cluster })),
      `${node.name}/admit`,
      { parent: this, deletedWith: etcd.genesis },
      `${name}-admit`,
    );
    this.registerOutputs();
  }

  /** What a master does before the kubelet comes up or changes, and when it does not come up. */
  private around(name: string, { cluster, credentials, via }: KubernetesNodeArgs) {
    const { node, identity, token } = credentials.machine;
    // No step: one that succeeded is not run again, and an up that goes on after hours needs a new token.
    const invites = via.atHand(invite({ node, identity, token }), `${name}-invite`);
    const invited = new pulumi.ResourceHook(`${name}-invited`, invites);
    const vacates = via.atHand(vacate({ cluster, node }), `${name}-vacate`);
    const vacated = new pulumi.ResourceHook(`${name}-vacated`, vacates);
    // A node that went back to what it ran must not stay without pods.
    const refills = via.atHand(refill(node), `${name}-refill`);
    const refilled = new pulumi.ErrorHook(`${name}-refilled`, async () => {
      // The step's own error is what counts.
      await refills().catch((error: Error) => pulumi.log.warn(error.message, this));
      return false;
    });
    return { beforeCreate: [invited], beforeUpdate: [invited, vacated], onError: [refilled] };
  }
}
