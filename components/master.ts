import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan } from "../config/plan";
import { controlPlane, controlPlaneServices } from "../steps/control-plane";
import { etcd as member } from "../steps/etcd";
import type { Credentials } from "./credentials";
import type { EtcdCluster } from "./etcdCluster";
import type { LostNode } from "./lostNode";
import type { Rollout } from "./rollout";

export interface MasterArgs {
  readonly cluster: ClusterPlan;
  readonly credentials: Credentials;
  readonly etcd: EtcdCluster;
  /** The masters before this one, by name; none for the first. */
  readonly after: readonly Master[];
  /** When a change of its settings reaches the control plane; absent: with all others. */
  readonly rollout?: Rollout;
  /** Lost nodes that etcd forgets before it takes somebody new; default: none. */
  readonly forgotten?: readonly LostNode[];
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
    const { cluster, credentials, etcd, after, rollout, forgotten = [] } = args;
    const { machine } = credentials;
    const { node } = machine;

    // etcd takes one change of its membership at a time. It does not wait for the first API server: a learner that comes
    // after that has written its hundred entries gets a snapshot, which takes longer.
    this.member = machine.run(
      member({ node, peers: machine.peers, reads: credentials.reads(["etcd"]) }),
      [
        credentials.installed,
        etcd.genesis,
        ...after.slice(-1).map(({ member }) => member),
        ...forgotten.map(({ forgotten }) => forgotten),
      ],
      // When the whole cluster goes there is nobody to take leave of.
      { parent: this, deletedWith: etcd.genesis },
    );
    const joins = [this.member, ...after.slice(0, 1).map(({ ready }) => ready)];
    this.ready = machine.run(
      controlPlane({
        cluster,
        node,
        reads: credentials.reads(controlPlaneServices),
      }),
      rollout?.turnOf(node, cluster.nodes).apply((earlier) => [...joins, ...earlier]) ?? joins,
      { parent: this },
    );
    rollout?.add(node, this.ready);
    this.registerOutputs();
  }
}
