import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan } from "../config/plan";
import { genesis } from "../steps/genesis";
import type { Credentials } from "./credentials";

export interface EtcdClusterArgs {
  readonly cluster: ClusterPlan;
  /** The first master by name on the day the cluster is born. */
  readonly first: Credentials;
  readonly protect: boolean;
}

/**
 * The birth of the cluster, once: an etcd of one member. Its inputs are ignored for ever after, so that it never runs
 * again however the list of masters changes; every master, the first too, becomes a member by the same step.
 */
export class EtcdCluster extends pulumi.ComponentResource {
  readonly genesis: command.remote.Command;

  constructor(name: string, args: EtcdClusterArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:EtcdCluster", name, {}, opts);
    const { cluster, first } = args;
    const { machine } = first;
    this.genesis = machine.run(
      genesis({
        cluster,
        node: machine.node,
        peers: machine.peers,
        reads: first.reads(["etcd"]),
      }),
      "genesis",
      {
        parent: this,
        protect: args.protect,
        ignoreChanges: ["connection", "create", "stdin"],
      },
      `${name}-genesis`,
    );
    this.registerOutputs();
  }
}
