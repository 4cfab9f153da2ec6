import type { ClusterPlan } from "../config/plan";
import { calico } from "./calico";
import { flannel } from "./flannel";
import { none } from "./none";
import type { NetworkPlugin } from "./plugin";

/** Every network plugin that a file may name, by its name. */
export const plugins: Record<string, NetworkPlugin> = { flannel, calico, none };

/** What a file has that names none, and a cluster of a release that knew no other. */
export const defaultPlugin = flannel;

/** @throws Error where there is none of that name: the file's checks let none through */
export function pluginNamed(name: string): NetworkPlugin {
  const plugin = plugins[name];
  if (plugin === undefined) throw new Error(`there is no network plugin ${name}`);
  return plugin;
}

export const pluginOf = ({ networking }: Pick<ClusterPlan, "networking">): NetworkPlugin =>
  pluginNamed(networking.plugin);

/** As the steps are told: see steps/lib/fit-lib.sh. */
export const networkLater = (cluster: Pick<ClusterPlan, "networking">): "yes" | "no" =>
  pluginOf(cluster).later ? "yes" : "no";

/** The same for a kubelet that joins: a plugin that runs as pods comes after it, too, and the node is let in when it is there. */
export const networkFollows = (cluster: Pick<ClusterPlan, "networking">): "yes" | "no" =>
  pluginOf(cluster).installation ? "yes" : networkLater(cluster);
