import type * as pulumi from "@pulumi/pulumi";
import type { CephPackagesPlan } from "../../config/ceph";
import { badCephWayLines, upstreamCeph } from "../../config/cephVersions";
import type { Step } from "../step";

/** Runs on a monitor's machine before packages come to any: Ceph may become the version that the file names. Where not, nothing was changed. */
export function cephUpgrade({
  fsid,
  packages: { version },
}: {
  readonly fsid: pulumi.Input<string>;
  readonly packages: CephPackagesPlan;
}): Step<"TARGET" | "FSID" | "CEPH_VERSION" | "WAYS"> {
  return {
    script: "ceph-upgrade",
    variables: {
      TARGET: "all nodes",
      FSID: fsid,
      CEPH_VERSION: upstreamCeph(version),
      WAYS: badCephWayLines,
    },
  };
}
