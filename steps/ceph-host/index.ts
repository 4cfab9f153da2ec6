import * as pulumi from "@pulumi/pulumi";
import type { CephPlan } from "../../config/ceph";
import type { NodePlan } from "../../config/plan";
import { cephConf } from "../lib/ceph";
import { cephSudoers } from "../lib/cephDaemons";
import type { Step } from "../step";

/** Configuration of Ceph's daemons is in place. Undone, what of Ceph still runs is stopped and its keys are gone. */
export function cephHost({
  plan,
  node,
  fsid,
}: {
  readonly plan: CephPlan;
  readonly node: NodePlan;
  readonly fsid: pulumi.Input<string>;
}): Step<"FSID" | "MONITORS"> {
  const conf = pulumi.output(fsid).apply((fsid) => cephConf(plan, node, fsid));
  return {
    script: "ceph-host",
    undo: "ceph-remove",
    variables: { FSID: fsid, MONITORS: plan.monitors.map(({ name }) => name).join(" ") },
    files: [{ path: "/etc/ceph/ceph.conf", content: conf, mode: "0644" }, cephSudoers],
  };
}
