import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { type ClusterPlan, roleOf } from "../config/plan";
import { forget } from "../steps/forget";
import type { Credentials } from "./credentials";
import type { EtcdCluster } from "./etcdCluster";
import type { JoinQueue } from "./joinQueue";
import { KubernetesNode } from "./kubernetesNode";
import type { Machine } from "./machine";
import { Master } from "./master";
import type { Steps } from "./steps";

export interface LostNodeArgs {
  readonly cluster: ClusterPlan;
  /** Those of the machine that is gone for good. */
  readonly credentials: Credentials;
  /** A master that lives. */
  readonly via: Machine;
  readonly etcd: EtcdCluster;
  /** The nodes that join meanwhile. */
  readonly queue: JoinQueue;
  readonly steps: Steps;
}

/**
 * A node that is gone for good leaves etcd and Kubernetes through another master. Refused while the node lives: then
 * its entry is to be deleted, which drains and wipes it.
 */
export class LostNode extends pulumi.ComponentResource {
  readonly forgotten: command.remote.Command;

  constructor(name: string, args: LostNodeArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:LostNode", name, {}, opts);
    const { cluster, credentials, via, etcd, queue, steps } = args;
    const { machine } = credentials;
    this.forgotten = via.run(
      forget({ node: machine.node, identity: machine.identity }),
      steps.before(`${machine.node.name}/forget`),
      { parent: this },
      `${name}-forget`,
    );
    steps.add(`${machine.node.name}/forget`, this.forgotten);
    // Its steps keep their places in the state, or the engine would undo them on the machine.
    if (roleOf(machine.node) === "master")
      new Master(name, { cluster, credentials, etcd, steps }, opts);
    new KubernetesNode(name, { cluster, credentials, etcd, via: machine, queue, steps }, opts);
    this.registerOutputs();
  }
}
