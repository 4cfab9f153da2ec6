import { type ClusterPlan, type NodePlan, roleOf, runsPods } from "../../config/plan";
import { pluginOf } from "../../networks";
import type { Step } from "../step";

export interface ClaimArgs {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
  /** Project and stack that hold the machine: `groundwork/prod`. */
  readonly stack: string;
}

/** The machine's lock is held. Undone, what the cluster put on the machine is off it, and the lock is released. */
export function claim({
  cluster,
  node,
  stack,
}: ClaimArgs): Step<
  | "ROLE"
  | "STACK"
  | "NODE_HOSTNAME"
  | "NETWORK_LINKS"
  | "NETWORK_TABLES"
  | "NETWORK_CHAINS"
  | "NETWORK_FOLDERS"
  | "POD_CIDR"
> {
  const { traces } = pluginOf(cluster);
  return {
    script: "claim",
    undo: "reset",
    variables: {
      ROLE: roleOf(node),
      STACK: stack,
      NODE_HOSTNAME: node.hostname,
      NETWORK_LINKS: traces.links.join(" "),
      NETWORK_TABLES: traces.tables.join("|"),
      NETWORK_CHAINS: traces.chains.join("|"),
      NETWORK_FOLDERS: traces.folders.join(" "),
      // A machine of storage alone may be led into the network of pods by others.
      POD_CIDR: runsPods(node) ? cluster.networking.podCidr : "",
      ...(traces.routes && { NETWORK_ROUTES: traces.routes.join(" ") }),
    },
    onForeignMachine: true,
  };
}
