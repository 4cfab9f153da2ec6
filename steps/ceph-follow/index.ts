import type * as pulumi from "@pulumi/pulumi";
import type { NodePlan } from "../../config/plan";
import type { Step } from "../step";

/** Manager and reporter of crashes run what the packages have, once all monitors do. */
export function cephFollow({
  node,
  fsid,
  version,
}: {
  readonly node: NodePlan;
  readonly fsid: pulumi.Input<string>;
  /** Of the packages. */
  readonly version: string;
}): Step<"FSID" | "CEPH_VERSION" | "MANAGES"> {
  const manages = node.roles.includes("ceph-mon");
  return {
    script: "ceph-follow",
    variables: { FSID: fsid, CEPH_VERSION: version, MANAGES: String(manages) },
  };
}
