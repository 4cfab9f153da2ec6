/** What other programs import of Groundwork. Everything else is its own, and changes without notice. */
export { Cluster, type ClusterArgs } from "./cluster";
export type { BastionArgs, NodeArgs, NodeSshArgs, SshArgs } from "../arguments/types";
export type { FormerCluster } from "../policies/facts";
