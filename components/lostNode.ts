import * as pulumi from "@pulumi/pulumi";
import { type ClusterPlan, roleOf } from "../config/plan";
import { forget } from "../steps/forget";
import type { ClusterPki } from "./clusterPki";
import type { Credentials } from "./credentials";
import type { EtcdCluster } from "./etcdCluster";
import { KubernetesNode } from "./kubernetesNode";
import type { Machine } from "./machine";
import { Master } from "./master";

export interface LostNodeArgs {
  readonly cluster: ClusterPlan;
  /** Those of the machine that is gone for good. */
  readonly credentials: Credentials;
  /** A master that lives. */
  readonly via: Machine;
  readonly pki: ClusterPki;
  readonly etcd: EtcdCluster;
}

/**
 * A node that is gone for good leaves etcd and Kubernetes through another master. Refused while the node lives: then
 * its entry is to be deleted, which drains and wipes it.
 */
export class LostNode extends pulumi.ComponentResource {
  constructor(name: string, args: LostNodeArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:LostNode", name, {}, opts);
    const { cluster, credentials, via, pki, etcd } = args;
    const { machine } = credentials;
    via.run(
      forget({ node: machine.node, identity: machine.identity }),
      `${machine.node.name}/forget`,
      { parent: this },
      `${name}-forget`,
    );
    // Its steps keep their places in the state, or the engine would undo them on the machine.
    if (roleOf(machine.node) === "master")
      new Master(name, { cluster, credentials, pki, etcd }, opts);
    new KubernetesNode(name, { cluster, credentials, etcd, via: machine }, opts);
    this.registerOutputs();
  }
}
