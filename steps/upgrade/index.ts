import type { ClusterPlan } from "../../config/plan";
import type { Step } from "../step";
import { upgradeVariables } from "../vacate";

/**
 * Runs on the first master before anything is brought to a node: a cluster that lives may go to the versions of Kubernetes and
 * etcd that the file names. Where something stands in the way, the `up` ends, and nothing was changed. Before it goes, and before a master
 * leaves, a snapshot of etcd is taken.
 */
export function upgrade(
  cluster: ClusterPlan,
): Step<"TARGET" | "MEMBERS" | "LOST" | "VERSION" | "ETCD_VERSION" | "DRAIN"> {
  const members = cluster.masters.map(({ name }) => name).join(" ");
  const variables = {
    TARGET: "all nodes",
    MEMBERS: members,
    LOST: cluster.nodes.flatMap(({ name, lost }) => (lost ? [name] : [])).join(" "),
    ETCD_VERSION: cluster.versions.etcd,
    ...upgradeVariables(cluster),
  };
  return { script: "upgrade", variables };
}
