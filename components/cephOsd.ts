import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { type CephOsdPlan, osdUuid } from "../config/ceph";
import { cephKey } from "../steps/lib/ceph";
import { cephMember } from "../steps/ceph-member";
import { cephOsd } from "../steps/ceph-osd";
import type { CephHost } from "./cephHost";
import type { CephIdentity } from "./cephIdentity";

export interface CephOsdArgs {
  readonly plan: CephOsdPlan;
  readonly identity: CephIdentity;
  readonly host: CephHost;
  readonly genesis: command.remote.Command;
  /** Of the packages, where it is the file's: another one restarts it. */
  readonly version?: string;
  /** Where the cluster is asked about this OSD: a monitor's machine, best another one, which outlives this. */
  readonly via: CephHost;
}

/**
 * One device that is an OSD. Deleting it drains the OSD (out, wait until its data is safe elsewhere, purge), also when its
 * machine is gone, then stops it; the device is erased only where the file says `wipe: true`.
 */
export class CephOsd extends pulumi.ComponentResource {
  constructor(name: string, args: CephOsdArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:CephOsd", name, {}, opts);
    const { plan, identity, host, genesis, version, via } = args;
    const { node, path } = plan;
    const { fsid, connectionMode } = identity;
    const key = new random.RandomBytes(`${name}-key`, { length: 16 }, { parent: this }).base64;
    const uuid = fsid.apply((fsid) => osdUuid(fsid, node.name, path));
    host.machine.run(
      cephOsd({ plan, fsid, connectionMode, uuid, version, key: key.apply(cephKey) }),
      `${node.name}/ceph-osd/${plan.id}`,
      { parent: this },
      name,
    );
    via.machine.run(
      cephMember({ node, fsid, uuid }),
      `${node.name}/ceph-member/${plan.id}`,
      { parent: this, deletedWith: genesis },
      `${name}-member`,
    );
    this.registerOutputs();
  }
}
