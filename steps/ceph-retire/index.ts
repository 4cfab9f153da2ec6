import type * as pulumi from "@pulumi/pulumi";
import { type CephPlan, kubernetesPool, kubernetesUser } from "../../config/ceph";
import type { Step } from "../step";

export interface CephRetireArgs {
  readonly plan: CephPlan;
  readonly fsid: pulumi.Input<string>;
}

/** The users of Kubernetes that are older than the file's oldest are gone from the cluster, unless somebody is still logged in as one. */
export function cephRetire({ plan, fsid }: CephRetireArgs): Step<"FSID" | "FORMER" | "POOL"> {
  const { oldestKubernetesKey } = plan.rotations;
  const former = Array.from(
    { length: oldestKubernetesKey - 1 },
    (_, i) => `client.${kubernetesUser(i + 1)}`,
  );
  return {
    script: "ceph-retire",
    variables: { FSID: fsid, FORMER: former.join(" "), POOL: kubernetesPool },
  };
}
