import type { ClusterPlan } from "../../config/plan";
import type { Step } from "../step";
import { upgradeVariables } from "../vacate";

/**
 * Runs on the first master before anything is brought to a node: a cluster that lives may go to the version of Kubernetes that
 * the file names. Where something stands in the way, the `up` ends, and nothing was changed.
 */
export function upgrade(cluster: ClusterPlan): Step<"TARGET" | "VERSION" | "DRAIN"> {
  return { script: "upgrade", variables: { TARGET: "all nodes", ...upgradeVariables(cluster) } };
}
