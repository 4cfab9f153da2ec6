import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { type CephOsdPlan, osdUuid } from "../config/ceph";
import { cephKey } from "../steps/lib/ceph";
import { cephMember } from "../steps/ceph-member";
import { cephOsd } from "../steps/ceph-osd";
import { cephOsdNext } from "../steps/ceph-osd-next";
import { cephOsdTell } from "../steps/ceph-osd-tell";
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
    const { fsid, connectionMode, osdKey } = identity;
    // Former keys stay in the state, as all that cannot be made again.
    const keys = Array.from({ length: osdKey }, (_, i) => {
      const number = i === 0 ? "" : `-${i + 1}`;
      const { base64 } = new random.RandomBytes(
        `${name}-key${number}`,
        { length: 16 },
        { parent: this },
      );
      return base64.apply(cephKey);
    });
    const key = keys.at(-1) as pulumi.Output<string>;
    const uuid = fsid.apply((fsid) => osdUuid(fsid, node.name, path));
    if (osdKey > 1) {
      host.machine.run(
        cephOsdNext({ fsid, uuid, key }),
        `${node.name}/ceph-osd-next/${plan.id}`,
        { parent: this },
        `${name}-next`,
      );
      via.machine.run(
        cephOsdTell({ node, fsid, uuid, key }),
        `${node.name}/ceph-osd-tell/${plan.id}`,
        { parent: this, deletedWith: genesis },
        `${name}-tell`,
      );
    }
    host.machine.run(
      cephOsd({ plan, fsid, connectionMode, uuid, version, key }),
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
