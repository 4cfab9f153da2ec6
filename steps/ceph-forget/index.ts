import type * as pulumi from "@pulumi/pulumi";
import type { NodePlan } from "../../config/plan";
import type { Step } from "../step";

export interface CephForgetArgs {
  /** The one whose machine is gone for good. */
  readonly node: NodePlan;
  readonly identity: pulumi.Input<string>;
  readonly fsid: pulumi.Input<string>;
  /** Of its OSDs, space separated. */
  readonly uuids: pulumi.Input<string>;
}

/** Runs with a monitor: a lost node's monitor and manager are removed and its OSDs purged. */
export function cephForget({
  node,
  identity,
  fsid,
  uuids,
}: CephForgetArgs): Step<
  "FSID" | "TARGET" | "TARGET_IP" | "TARGET_HOSTNAME" | "IDENTITY" | "OSD_UUIDS"
> {
  return {
    script: "ceph-forget",
    variables: {
      FSID: fsid,
      TARGET: node.name,
      TARGET_IP: node.ip,
      TARGET_HOSTNAME: node.hostname,
      IDENTITY: identity,
      OSD_UUIDS: uuids,
    },
  };
}
