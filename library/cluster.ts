import type * as pulumi from "@pulumi/pulumi";
import { planOf } from "../arguments/plan";
import type { ClusterArgs as Described } from "../arguments/types";
import {
  Cluster as PlannedCluster,
  type ClusterArgs as PlannedClusterArgs,
} from "../components/cluster";

export interface ClusterArgs extends Described, Pick<PlannedClusterArgs, "protect" | "former"> {}

/**
 * A Kubernetes cluster on bare machines, with Ceph where nodes have its roles, as a component of any program. A program
 * may have several. Destroying it takes off every machine what was put there.
 *
 * The machines may be the same program's: their addresses, host keys and ports and the key to log in with may be outputs
 * of other resources. What else is an output is refused by its name.
 */
export class Cluster extends PlannedCluster {
  constructor(name: string, args: ClusterArgs, opts: pulumi.ComponentResourceOptions = {}) {
    const { protect, former, ...described } = args;
    const file = `Cluster ${name}`;
    const { plan, checked } = planOf(file, described);
    super(name, { plan, checked, protect, former, file }, opts);
  }
}
