import type * as pulumi from "@pulumi/pulumi";
import type { Step } from "../step";

export interface CephOsdNextArgs {
  readonly fsid: pulumi.Input<string>;
  readonly uuid: pulumi.Input<string>;
  /** In the format of `cephKey`. */
  readonly key: pulumi.Input<string>;
}

/** An OSD's machine has the key that it is to have next, and the OSD starts with whichever the monitors take. */
export function cephOsdNext({ fsid, uuid, key }: CephOsdNextArgs): Step<"FSID" | "OSD_UUID"> {
  return {
    script: "ceph-osd-next",
    variables: { FSID: fsid, OSD_UUID: uuid },
    secrets: { osd_key: key },
    files: [{ path: "/usr/local/lib/groundwork/ceph-osd-key", part: "ceph-osd-key", mode: "0755" }],
  };
}
