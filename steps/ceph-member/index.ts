import type * as pulumi from "@pulumi/pulumi";
import type { NodePlan } from "../../config/plan";
import type { Step } from "../step";

/** Seconds in which an OSD that leaves must have handed over its data. */
export const drainWithin = 6 * 3600;

/** Runs with a monitor: the cluster sees an OSD up. Undone, the OSD is drained and purged. */
export function cephMember({
  node,
  fsid,
  uuid,
}: {
  /** The OSD's. */
  readonly node: NodePlan;
  readonly fsid: pulumi.Input<string>;
  readonly uuid: pulumi.Input<string>;
}): Step<"FSID" | "OSD_UUID" | "TARGET" | "TARGET_HOSTNAME" | "DRAIN_WITHIN"> {
  return {
    script: "ceph-member",
    undo: "ceph-drain",
    variables: {
      FSID: fsid,
      OSD_UUID: uuid,
      TARGET: node.name,
      TARGET_HOSTNAME: node.hostname,
      DRAIN_WITHIN: String(drainWithin),
    },
    timeout: drainWithin + 300,
  };
}
