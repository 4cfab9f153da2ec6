import type * as pulumi from "@pulumi/pulumi";
import type { NodePlan } from "../../config/plan";
import type { Step } from "../step";

export interface CephOsdTellArgs {
  /** The OSD's. */
  readonly node: NodePlan;
  readonly fsid: pulumi.Input<string>;
  readonly uuid: pulumi.Input<string>;
  /** In the format of `cephKey`. */
  readonly key: pulumi.Input<string>;
}

/** Runs with a monitor: the monitors know an OSD by this key and no other. */
export function cephOsdTell({
  node,
  fsid,
  uuid,
  key,
}: CephOsdTellArgs): Step<"FSID" | "OSD_UUID" | "TARGET"> {
  return {
    script: "ceph-osd-tell",
    variables: { FSID: fsid, OSD_UUID: uuid, TARGET: node.name },
    secrets: { osd_key: key },
  };
}
