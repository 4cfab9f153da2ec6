import type * as pulumi from "@pulumi/pulumi";
import type { CephConnectionMode, CephOsdPlan } from "../../config/ceph";
import { cephUnitFile, packagesIn } from "../lib/cephDaemons";
import type { Step } from "../step";

export interface CephOsdArgs {
  readonly plan: CephOsdPlan;
  readonly fsid: pulumi.Input<string>;
  readonly connectionMode: CephConnectionMode;
  readonly uuid: pulumi.Input<string>;
  /** Of the packages, where it is the file's: another one restarts the OSD. */
  readonly version?: string;
  /** In the format of `cephKey`. */
  readonly key: pulumi.Input<string>;
}

/** A device is an OSD that runs. Undone, the OSD is stopped; the device is erased only where the file says so. */
export function cephOsd({
  plan,
  fsid,
  connectionMode,
  uuid,
  version,
  key,
}: CephOsdArgs): Step<"FSID" | "OSD_UUID" | "OSD" | "DEVICE" | "BACKEND" | "WIPE" | "SIZE_GIB"> {
  return {
    script: "ceph-osd",
    undo: "ceph-osd-stop",
    variables: {
      FSID: fsid,
      OSD_UUID: uuid,
      OSD: plan.id,
      DEVICE: plan.path,
      BACKEND: plan.backend,
      WIPE: String(plan.wipe),
      SIZE_GIB: String(plan.sizeGib),
      ...packagesIn(version),
    },
    secrets: { osd_key: key },
    files: [cephUnitFile("osd@", connectionMode)],
  };
}
