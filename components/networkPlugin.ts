import { ClusterConfigError } from "../config/issues";
import type { ClusterPlan } from "../config/plan";
import { defaultPlugin } from "../networks";
import type { FormerCluster } from "../policies/facts";

/**
 * @throws ClusterConfigError where nodes are there that have another network plugin: pods keep the addresses and interfaces of
 * the plugin that made them, and no two lead packets for the same network
 */
export function refuseAnotherPlugin(
  former: FormerCluster,
  { networking: { plugin } }: Pick<ClusterPlan, "networking">,
  whose: string,
): void {
  const had = Object.values(former.nodes)
    .filter(({ roles }) => roles.includes("master") || roles.includes("worker"))
    .map(({ networkPlugin = defaultPlugin.name }) => networkPlugin)
    .find((name) => name !== plugin);
  if (had === undefined) return;
  throw new ClusterConfigError(whose, [
    {
      path: ["cluster", "networking", "plugin"],
      message:
        `${plugin} is not what the cluster has, ${had}: pods that run hang on the network that ${had} made, and no other ` +
        `takes them over; set it to ${had}, or make a new cluster. Nothing was changed`,
    },
  ]);
}
