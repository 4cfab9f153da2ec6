import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { genesis } from "../steps/genesis";
import type { Credentials } from "./credentials";
import type { Steps } from "./steps";

export interface EtcdClusterArgs {
  /** The first master by name on the day the cluster is born. */
  readonly first: Credentials;
  readonly steps: Steps;
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
    const { first, steps } = args;
    const { machine } = first;
    this.genesis = machine.run(
      genesis({ node: machine.node, peers: machine.peers, reads: first.reads(["etcd"]) }),
      steps.before("genesis"),
      {
        parent: this,
        protect: args.protect,
        ignoreChanges: ["connection", "create", "stdin"],
      },
      `${name}-genesis`,
    );
    steps.add("genesis", this.genesis);
    this.registerOutputs();
  }
}
