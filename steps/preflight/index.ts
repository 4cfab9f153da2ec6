import type { ClusterPlan, NodePlan } from "../../config/plan";
import { proxyWords } from "../lib/proxy";
import type { Step } from "../step";

/** Whether a machine is fit and free. Writes nothing that stays; prints the machine's facts. */
export function preflight({
  cluster,
  node,
}: {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
}): Step<"ROLES" | "ARCHITECTURE" | "MAC_ADDRESSES" | "TIME_SOURCE" | "PREFLIGHT_ALLOW" | "PROXY"> {
  const [artifact] = node.artifacts;
  return {
    script: "preflight",
    variables: {
      ROLES: node.roles.join(" "),
      ARCHITECTURE: node.architecture,
      MAC_ADDRESSES: node.macAddresses.join(" "),
      // Everything is downloaded from few hosts: they have to be reached, and know the time.
      TIME_SOURCE: artifact ? new URL(artifact.url).origin : "",
      PREFLIGHT_ALLOW: cluster.preflightAllow.join(" "),
      PROXY: proxyWords(cluster.proxy),
    },
    publicOutput: true,
    onForeignMachine: true,
  };
}
