import { ClusterConfigError } from "../config/issues";
import { type ClusterPlan, runsPods } from "../config/plan";
import { defaultPlugin, pluginOf } from "../networks";
import type { FormerCluster } from "../policies/facts";
import { namesOf } from "./former";

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
    .filter(runsPods)
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

/** Which version of a network plugin that runs as pods follows which, and how; undefined: none does. */
export function networkInWords(former: FormerCluster, plan: ClusterPlan): string | undefined {
  const { name, installation } = pluginOf(plan);
  if (!installation) return undefined;
  const nodes = namesOf(former)
    .filter((name) => runsPods(former.nodes[name] ?? { roles: [] }))
    .sort();
  const wanted = installation.version(plan.versions);
  const was = new Set(nodes.flatMap((node) => former.nodes[node]?.networkVersion ?? []));
  was.delete(wanted);
  if (was.size === 0) return undefined;
  return [
    `${name} ${[...was].sort().join(", ")} -> ${wanted}:`,
    `  ${plan.masters[0]?.name}: applies upstream's manifest, with what is the cluster's own in it`,
    `  ${nodes.join(", ")}: one after the other gets its pod anew, by Kubernetes itself, and the up waits for all`,
  ].join("\n");
}
