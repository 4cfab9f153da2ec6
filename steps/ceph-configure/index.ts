import type * as pulumi from "@pulumi/pulumi";
import type { CephPlan } from "../../config/ceph";
import { cephPools, cephSettings } from "../lib/ceph";
import type { Step } from "../step";

export interface CephConfigureArgs {
  readonly plan: CephPlan;
  readonly fsid: pulumi.Input<string>;
  /** Keyring, with capabilities, of the users that are not daemons. */
  readonly users: pulumi.Input<string>;
  readonly dashboardPassword: pulumi.Input<string>;
}

/** Settings, users, pools and dashboard are as the file says, and all data is in place. */
export function cephConfigure({
  plan,
  fsid,
  users,
  dashboardPassword,
}: CephConfigureArgs): Step<"FSID" | "POOLS" | "DASHBOARD"> {
  return {
    script: "ceph-configure",
    variables: { FSID: fsid, POOLS: cephPools(plan), DASHBOARD: String(plan.dashboard) },
    texts: { settings: cephSettings(plan) },
    secrets: { users, dashboard_password: dashboardPassword },
  };
}
