import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { type CephPlan, osdUuid } from "../config/ceph";
import { cephForget } from "../steps/ceph-forget";
import type { CephHost } from "./cephHost";
import type { CephIdentity } from "./cephIdentity";
import { CephMonitor } from "./cephMonitor";
import { CephOsd } from "./cephOsd";

export interface LostCephNodeArgs {
  readonly plan: CephPlan;
  readonly identity: CephIdentity;
  /** The one on the machine that is gone for good. */
  readonly host: CephHost;
  readonly genesis: command.remote.Command;
  /** Where a monitor lives. */
  readonly via: CephHost;
}

/**
 * A node that is gone for good leaves Ceph through another monitor: its monitor and manager are removed, its OSDs purged.
 * Refused while one of them runs, and while it may hold the only copy of some data.
 */
export class LostCephNode extends pulumi.ComponentResource {
  constructor(name: string, args: LostCephNodeArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:LostCephNode", name, {}, opts);
    const { plan, identity, host, genesis, via } = args;
    const { node } = host.machine;
    const { fsid } = identity;
    const osds = plan.lost.osds.filter((osd) => osd.node === node);
    via.machine.run(
      cephForget({
        node,
        identity: host.machine.identity,
        fsid,
        uuids: fsid.apply((fsid) =>
          osds.map(({ path }) => osdUuid(fsid, node.name, path)).join(" "),
        ),
      }),
      `${node.name}/ceph-forget`,
      { parent: this },
      `${name}-forget`,
    );
    // Their steps keep their places in the state, or the engine would undo them on the machine.
    const daemon = { identity, host, genesis };
    if (plan.lost.monitors.includes(node)) new CephMonitor(`${name}-mon`, daemon, opts);
    for (const osd of osds)
      new CephOsd(`${name}-osd-${osd.id}`, { ...daemon, plan: osd, via: host }, opts);
    this.registerOutputs();
  }
}
