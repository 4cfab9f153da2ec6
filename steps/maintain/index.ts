import type * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import type { ClusterPlan, NodePlan } from "../../config/plan";
import { proxyWords } from "../lib/proxy";
import type { Step } from "../step";

/** What the script is asked for before the step itself. */
export type MaintainAction = "look" | "fetch" | "restart" | "done";

/** What it reports then. */
export const maintainReport = z.strictObject({
  /** `going`: the restart is ordered and has not come; `back`: it came. */
  state: z.enum(["due", "going", "back", "done"]),
  /** Of the machine, by which one start is told from another. */
  boot: z.string().regex(/^[0-9a-f-]{36}$/),
});

export interface MaintainArgs {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
}

/** Seconds in which a node that was restarted has to be whole, as far as Kubernetes and Ceph are asked. */
const within = "600";
/** Seconds for a step that may wait for that several times. */
const patience = 3600;

/**
 * The machine's packages are new, and it was restarted with them. The step itself only looks: its hook has it done before, with
 * what the others say to it (`ssh/maintain.ts`). Nothing undoes it.
 */
export function maintain({
  cluster,
  node,
  since,
}: MaintainArgs & {
  /** The number in the file on the day when the machine came. */
  readonly since: pulumi.Input<string>;
}): Step<"ACTION" | "MAINTENANCE" | "SINCE" | "PROXY"> {
  return {
    script: "maintain",
    variables: {
      ACTION: "verify",
      MAINTENANCE: String(node.maintenance),
      SINCE: since,
      PROXY: proxyWords(cluster.proxy),
    },
  };
}

/** Runs on a master: the node has no pods any more, unless the cluster cannot spare it. */
export function leave({
  cluster,
  node,
}: MaintainArgs): Step<"STEP" | "TARGET" | "MAINTENANCE" | "DRAIN_WITHIN"> {
  return {
    script: "leave",
    variables: {
      STEP: `drain of ${node.name}`,
      TARGET: node.name,
      MAINTENANCE: String(node.maintenance),
      DRAIN_WITHIN: String(cluster.kubernetes.rollout.drainSeconds),
    },
    timeout: cluster.kubernetes.rollout.drainSeconds + 900,
  };
}

/** Runs on a master: the node is whole, and takes pods again. It is told the machine's boot, too (BOOT). */
export function rejoin({
  node,
}: Pick<MaintainArgs, "node">): Step<"STEP" | "TARGET" | "READY_WITHIN"> {
  return {
    script: "rejoin",
    variables: { STEP: `return of ${node.name}`, TARGET: node.name, READY_WITHIN: within },
    timeout: patience,
  };
}

/** Runs with a monitor: Ceph can spare the machine, and lets its data where they are. */
export function cephAway({
  node,
  fsid,
}: {
  readonly node: NodePlan;
  readonly fsid: pulumi.Input<string>;
}): Step<"STEP" | "FSID" | "TARGET" | "TARGET_HOSTNAME" | "MAINTENANCE" | "CLEAN_WITHIN"> {
  const { name, maintenance } = node;
  return {
    script: "ceph-away",
    variables: {
      STEP: `leave of ${name}`,
      ...ofCeph(node, fsid),
      MAINTENANCE: String(maintenance),
    },
    timeout: patience,
  };
}

/** Runs with a monitor: the machine's daemons are back, and Ceph is as it was. */
export function cephBack({
  node,
  fsid,
}: {
  readonly node: NodePlan;
  readonly fsid: pulumi.Input<string>;
}): Step<"STEP" | "FSID" | "TARGET" | "TARGET_HOSTNAME" | "CLEAN_WITHIN"> {
  return {
    script: "ceph-back",
    variables: { STEP: `return of ${node.name} to Ceph`, ...ofCeph(node, fsid) },
    timeout: patience,
  };
}

const ofCeph = ({ name, hostname }: NodePlan, fsid: pulumi.Input<string>) => ({
  FSID: fsid,
  TARGET: name,
  TARGET_HOSTNAME: hostname,
  CLEAN_WITHIN: within,
});
