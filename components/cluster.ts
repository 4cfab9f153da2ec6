import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan } from "../config/plan";
import { clusterFacts, clusterType, type FormerCluster } from "../policies/facts";
import { bootstrapTokenMinutes } from "./kubernetesNode";

/**
 * The cluster as its file describes it and as the last `up` left it, for the policies. It stands for nothing that
 * exists; being without dependencies it is judged before the first step runs. Its inputs are plain on purpose: they
 * are known at every preview.
 */
export class Cluster extends pulumi.ComponentResource {
  /** Empty before the first `up`. */
  readonly before: pulumi.Output<FormerCluster>;

  constructor(name: string, cluster: ClusterPlan, opts: pulumi.ComponentResourceOptions = {}) {
    const facts = clusterFacts(cluster, { bootstrapTokenMinutes });
    super(clusterType, name, facts, opts);
    // The stack's own outputs are those of the last `up` until this one ends.
    const last = new pulumi.StackReference(
      `${name}-last`,
      { name: `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}` },
      { parent: this },
    );
    this.before = formerCluster(last);
    this.registerOutputs({ ...facts, before: this.before });
  }
}

/** From the outputs `kubernetesVersion` and `nodes`; empty before the first `up`. */
function formerCluster(last: pulumi.StackReference): pulumi.Output<FormerCluster> {
  return pulumi
    .all([last.getOutput("kubernetesVersion"), last.getOutput("nodes")])
    .apply(
      ([kubernetesVersion, nodes]: [
        FormerCluster["kubernetesVersion"],
        FormerCluster["nodes"],
      ]) => ({
        ...(kubernetesVersion === undefined ? {} : { kubernetesVersion }),
        nodes: Object.fromEntries(
          Object.entries(nodes ?? {}).map(([name, { roles }]) => [name, { roles }]),
        ),
      }),
    );
}
