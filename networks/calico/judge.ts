import { type ClusterStatus, lacksNetwork, listed } from "../../status/cluster";
import { about, type Finding } from "../../status/finding";

/** Which nodes have no network. How many of Calico's pods run is said with what else runs in kube-system. */
export function judgeCalico({ kubernetes }: ClusterStatus): Finding[] {
  const waiting = (kubernetes?.nodes ?? []).filter(({ ready }) => lacksNetwork(ready));
  if (waiting.length === 0) return [];
  const { problem } = about("network");
  const names = listed(waiting.map(({ name }) => name));
  return [
    kubernetes?.workloads.some(({ name }) => name === "calico-node")
      ? problem(
          `Calico has not come up on ${names}: pods get no network there, and wait`,
          "see kubectl -n kube-system get pods -l k8s-app=calico-node -o wide, and kubectl -n kube-system describe of those there: an image that does not come is named",
        )
      : problem(
          `Calico is not in the cluster, and ${names} wait for it: pods get no network there`,
          "run pulumi up, which applies it",
        ),
  ];
}
