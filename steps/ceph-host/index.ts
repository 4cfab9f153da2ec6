import * as pulumi from "@pulumi/pulumi";
import type { CephPlan } from "../../config/ceph";
import { badCephLines } from "../../config/cephVersions";
import type { NodePlan } from "../../config/plan";
import { cephConf } from "../lib/ceph";
import { cephSudoers } from "../lib/cephDaemons";
import type { Step } from "../step";

/** Configuration of Ceph's daemons is in place. Undone, what of Ceph still runs is stopped and its keys are gone. */
export function cephHost({
  plan,
  node,
  fsid,
  allow,
}: {
  readonly plan: CephPlan;
  readonly node: NodePlan;
  readonly fsid: pulumi.Input<string>;
  /** Findings that the operator has accepted. */
  readonly allow: readonly string[];
}): Step<"FSID" | "MONITORS" | "BAD_VERSIONS"> {
  const conf = pulumi.output(fsid).apply((fsid) => cephConf(plan, node, fsid));
  return {
    script: "ceph-host",
    undo: "ceph-remove",
    variables: {
      FSID: fsid,
      MONITORS: plan.monitors.map(({ name }) => name).join(" "),
      BAD_VERSIONS: allow.includes("ceph-version") ? "" : badCephLines,
    },
    files: [{ path: "/etc/ceph/ceph.conf", content: conf, mode: "0644" }, cephSudoers],
  };
}
