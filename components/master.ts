import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan } from "../config/plan";
import { controlPlane } from "../steps/control-plane";
import { etcd as member } from "../steps/etcd";
import type { Credentials } from "./credentials";
import type { EtcdCluster } from "./etcdCluster";
import type { Steps } from "./steps";

export interface MasterArgs {
  readonly cluster: ClusterPlan;
  readonly credentials: Credentials;
  readonly etcd: EtcdCluster;
  readonly steps: Steps;
}

/**
 * One member of etcd and the control plane on it. The first master is the same component with the same steps as every
 * other: being first is an edge of the graph, so that it can be deleted like any other.
 */
export class Master extends pulumi.ComponentResource {
  /** This machine is a voting member of etcd. */
  readonly member: command.remote.Command;
  /** The API server of this machine answers. */
  readonly ready: command.remote.Command;

  constructor(name: string, args: MasterArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Master", name, {}, opts);
    const { cluster, credentials, etcd, steps } = args;
    const { machine } = credentials;
    const { node } = machine;

    this.member = machine.run(
      member({ node, peers: machine.peers, reads: credentials.reads(["etcd"]) }),
      steps.before(`${node.name}/etcd`),
      // When the whole cluster goes there is nobody to take leave of.
      { parent: this, deletedWith: etcd.genesis },
    );
    steps.add(`${node.name}/etcd`, this.member);
    this.ready = machine.run(
      controlPlane({
        cluster,
        node,
        reads: credentials.reads(["kube-apiserver", "kube-controller-manager", "kube-scheduler"]),
      }),
      steps.before(`${node.name}/control-plane`),
      { parent: this },
    );
    steps.add(`${node.name}/control-plane`, this.ready);
    this.registerOutputs();
  }
}
