import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan, UnmanagedPlan } from "../config/plan";
import { declare } from "../steps/declare";
import { afterRestore } from "../steps/restore";
import type { EtcdCluster } from "./etcdCluster";
import type { Machine } from "./machine";

export interface UnmanagedNodeArgs {
  readonly cluster: ClusterPlan;
  readonly node: UnmanagedPlan;
  /** The master that declares it and, one day, takes it out. */
  readonly via: Machine;
  readonly etcd: EtcdCluster;
}

/** A node whose machine is somebody else's affair: nothing dials it, and it comes by a ticket. Deleting it takes it out of Kubernetes. */
export class UnmanagedNode extends pulumi.ComponentResource {
  constructor(name: string, args: UnmanagedNodeArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:UnmanagedNode", name, {}, opts);
    const { cluster, node, via, etcd } = args;
    via.run(
      afterRestore(cluster, declare(node)),
      `${node.name}/declare`,
      { parent: this, deletedWith: etcd.genesis },
      `${name}-declare`,
    );
    this.registerOutputs();
  }
}
