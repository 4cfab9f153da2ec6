import * as pulumi from "@pulumi/pulumi";
import { ClusterConfigError } from "../config/issues";
import type { ClusterPlan } from "../config/plan";
import { clusterFacts, clusterType, type FormerCluster } from "../policies/facts";
import { bootstrapTokenMinutes } from "../steps/invite";

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
    this.before = pulumi.output(formerCluster(last));
    this.registerOutputs({ ...facts, before: this.before });
  }

  /**
   * What every step needs, kept back until it is certain that none of them swaps programs under a living cluster: so that a
   * file with another version of Kubernetes is refused, by a preview too, before anything runs.
   *
   * @param file name of the cluster file, for the error
   */
  unlessUpgraded<T>(
    needed: pulumi.Output<T>,
    plan: ClusterPlan,
    file: string,
  ): pulumi.Output<pulumi.Unwrap<T>> {
    const checked = this.before.apply(({ kubernetesVersion }) => {
      refuseUpgrade(kubernetesVersion, plan.kubernetes.version, file);
      return true;
    });
    return pulumi.all([needed, checked]).apply(([value]) => value);
  }
}

/** @throws ClusterConfigError where a cluster lives and another version is asked for */
function refuseUpgrade(former: string | undefined, wanted: string, file: string): void {
  if (former === undefined || former === wanted) return;
  const message =
    `${wanted} is not what the cluster runs, ${former}: this release cannot upgrade a living cluster, and would replace ` +
    `programs that run; nothing was changed. Set it to ${former} again`;
  throw new ClusterConfigError(file, [{ path: ["cluster", "kubernetes", "version"], message }]);
}

/**
 * From the outputs `kubernetesVersion` and `nodes`; empty before the first `up`. As promises, so that what is made of them
 * does not depend on the reference: every step would carry its name in the state.
 */
async function formerCluster(last: pulumi.StackReference): Promise<FormerCluster> {
  const output = async (name: string): Promise<unknown> => {
    const details = await last.getOutputDetails(name);
    return (details.value ?? details.secretValue) as unknown;
  };
  const kubernetesVersion = (await output("kubernetesVersion")) as string | undefined;
  const nodes = (await output("nodes")) as FormerCluster["nodes"];
  return {
    ...(kubernetesVersion === undefined ? {} : { kubernetesVersion }),
    nodes: Object.fromEntries(
      Object.entries(nodes ?? {}).map(([name, { roles }]) => [name, { roles }]),
    ),
  };
}
