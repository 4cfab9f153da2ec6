import type { ClusterPlan, NodePlan } from "../../config/plan";
import type { Step } from "../step";

export interface VacateArgs {
  readonly cluster: ClusterPlan;
  /** Whose kubelet may get another version. */
  readonly node: NodePlan;
}

/** What steps that replace a kubelet go by. */
export function upgradeVariables({ kubernetes }: ClusterPlan) {
  return { VERSION: kubernetes.version, DRAIN: kubernetes.rollout.drain } as const;
}

/** Runs on a master just before a node's kubelet: a node that gets another minor version of it has no pods any more. */
export function vacate({
  cluster,
  node,
}: VacateArgs): Step<"STEP" | "TARGET" | "VERSION" | "DRAIN" | "DRAIN_WITHIN"> {
  return {
    script: "vacate",
    variables: {
      STEP: `drain of ${node.name}`,
      TARGET: node.name,
      ...upgradeVariables(cluster),
      DRAIN_WITHIN: String(cluster.kubernetes.rollout.drainSeconds),
    },
  };
}

/** Runs on a master when a node's kubelet step failed: it runs what it ran, and takes pods again. */
export function refill(node: NodePlan): Step<"STEP" | "TARGET"> {
  return {
    script: "refill",
    variables: { STEP: `uncordoning of ${node.name}`, TARGET: node.name },
  };
}
