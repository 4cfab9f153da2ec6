import type * as pulumi from "@pulumi/pulumi";
import type { CephPackagesPlan } from "../../config/ceph";
import { cephRelease as nameOf, upstreamCeph } from "../../config/cephVersions";
import type { Step } from "../step";

/** All of Ceph runs the version of its packages, and takes in no OSD of an older release. */
export function cephRelease({
  fsid,
  packages: { version },
}: {
  readonly fsid: pulumi.Input<string>;
  readonly packages: CephPackagesPlan;
}): Step<"FSID" | "CEPH_VERSION" | "RELEASE"> {
  return {
    script: "ceph-release",
    variables: { FSID: fsid, CEPH_VERSION: upstreamCeph(version), RELEASE: nameOf(version) },
  };
}
