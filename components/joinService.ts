import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan } from "../config/plan";
import { expect } from "../steps/expect";
import { joinService } from "../steps/join-service";
import type { Machine } from "./machine";

export interface JoinServiceArgs {
  readonly cluster: ClusterPlan;
  /** The master that takes the calls. */
  readonly machine: Machine;
}

/**
 * A master takes the calls of machines that nobody dials, and lets in those that the file names. Deleting it cuts them off: by
 * then they are reached through another master, or have left.
 */
export class JoinService extends pulumi.ComponentResource {
  constructor(name: string, args: JoinServiceArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:JoinService", name, {}, opts);
    const { cluster, machine } = args;
    const { node } = machine;
    machine.run(joinService(node, cluster.joinServicePort), `${node.name}/join-service`, {
      parent: this,
    });
    for (const caller of cluster.nodes) {
      if (!caller.calls || caller.lost) continue;
      machine.run(
        expect(caller, caller.calls),
        `${node.name}/expect/${caller.name}`,
        { parent: this },
        `${name}-expect-${caller.name}`,
      );
    }
    this.registerOutputs();
  }
}
