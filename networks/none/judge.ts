import { type ClusterStatus, lacksNetwork, listed } from "../../status/cluster";
import { about, type Finding } from "../../status/finding";

/** Which nodes wait for the operator's network plugin. */
export function judgeNone({ kubernetes }: ClusterStatus): Finding[] {
  const waiting = (kubernetes?.nodes ?? []).filter(({ ready }) => lacksNetwork(ready));
  if (waiting.length === 0) return [];
  return [
    about("network").problem(
      `there is no network plugin yet on ${listed(waiting.map(({ name }) => name))}: pods get no network, and wait`,
      "cluster.networking.plugin is none, so that it is yours to install; see docs/operations.md",
    ),
  ];
}
