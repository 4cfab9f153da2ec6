import * as pulumi from "@pulumi/pulumi";
import { type ClusterPlan, type NodePlan, runsCeph, runsPods } from "../config/plan";
import type { FormerCluster } from "../policies/facts";
import { cephAway, cephBack, leave, maintain, rejoin } from "../steps/maintain";
import type { Ceph } from "./ceph";
import type { Machine } from "./machine";
import { turnsOf } from "./turns";

export interface MaintenanceArgs {
  readonly cluster: ClusterPlan;
  readonly machine: Machine;
  /** The master that empties the node and has it take pods again; absent: no pods run there. */
  readonly via?: Machine;
  /** Whom Ceph is asked by, best on another machine; absent: none of Ceph runs there. */
  readonly ceph?: { readonly cluster: Ceph; readonly monitor: Machine };
}

/**
 * A machine whose packages are upgraded, and which is restarted with them, once for each number that the file gives it. Nothing
 * undoes it: with the entry only the record goes.
 */
export class Maintenance extends pulumi.ComponentResource {
  constructor(name: string, args: MaintenanceArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Maintenance", name, {}, opts);
    const { cluster, machine, via, ceph } = args;
    const { node } = machine;
    const step = maintain({ cluster, node, since: machine.maintainedSince });
    const before: (() => Promise<void>)[] = [];
    const after: ((boot: string) => Promise<void>)[] = [];
    // Ceph first: it is asked in a moment, and pods that come back need their volumes.
    if (ceph) {
      const { fsid } = ceph.cluster.identity;
      before.push(ceph.monitor.atHand(cephAway({ node, fsid }), `${name}-ceph-away`));
      after.push(ceph.monitor.atHand(cephBack({ node, fsid }), `${name}-ceph-back`));
    }
    if (via) {
      before.push(via.atHand(leave({ cluster, node }), `${name}-leave`));
      const rejoins = via.whenTold(rejoin({ node }), `${name}-rejoin`);
      after.push((BOOT) => rejoins({ BOOT }));
    }
    const maintained = new pulumi.ResourceHook(
      `${name}-maintained`,
      machine.maintains(step, { before, after }),
    );
    machine.run(step, `${node.name}/maintain`, {
      parent: this,
      hooks: { beforeCreate: [maintained], beforeUpdate: [maintained] },
    });
    this.registerOutputs();
  }
}

/** Whose machines the file wants maintained, now or before. */
export const maintained = ({ nodes }: Pick<ClusterPlan, "nodes">) =>
  nodes.filter(({ lost, maintenance }) => !lost && maintenance > 0);

/** Whose number was raised since the last `up` that ended, and what is done to whom, in which order; undefined: nobody's. */
export function maintenanceInWords(former: FormerCluster, plan: ClusterPlan): string | undefined {
  const due = maintained(plan).filter(({ name, maintenance }) => {
    const was = former.nodes[name];
    return was !== undefined && was.joined !== false && (was.maintenance ?? 0) < maintenance;
  });
  if (due.length === 0) return undefined;
  return [
    "Maintenance, one line after the other, where it was not done yet:",
    ...turnsOf(due, plan.kubernetes.rollout.batch).map(
      (turn) => `  ${turn.map(({ name }) => name).join(", ")}: ${turn.map(whatIsDone)[0]}`,
    ),
  ].join("\n");
}

function whatIsDone(node: NodePlan): string {
  return [
    "packages fetched",
    ...(runsCeph(node) ? ["Ceph told"] : []),
    ...(runsPods(node) ? ["drained"] : []),
    "packages upgraded, restarted",
    "back when all is healthy",
  ].join(", ");
}
