import * as pulumi from "@pulumi/pulumi";
import type { CephPlan } from "../config/ceph";
import { cephHost } from "../steps/ceph-host";
import { cephKeys } from "../steps/ceph-keys";
import { type CephIdentity, keyring, renewedUsers } from "./cephIdentity";
import type { Machine } from "./machine";

export interface CephHostArgs {
  readonly plan: CephPlan;
  readonly identity: CephIdentity;
  readonly machine: Machine;
}

/**
 * A machine on which Ceph's daemons may run: configuration and keys lie ready. Deleting it stops what of Ceph still runs
 * there and takes the keys away; devices stay as they are.
 */
export class CephHost extends pulumi.ComponentResource {
  readonly machine: Machine;

  constructor(name: string, args: CephHostArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:CephHost", name, {}, opts);
    const { plan, identity, machine } = args;
    const { node } = machine;
    const { fsid } = identity;
    this.machine = machine;
    machine.run(
      cephHost({ plan, node, fsid }),
      `${node.name}/ceph-host`,
      { parent: this },
      `${name}-host`,
    );
    const isMonitor = node.roles.includes("ceph-mon");
    const keyrings = [
      { entity: "client.crash", keyring: keyring(identity.crash), daemons: true },
      ...(isMonitor ? [{ entity: "client.admin", keyring: keyring(identity.admin) }] : []),
      ...(node.roles.includes("ceph-osd")
        ? [{ entity: "client.bootstrap-osd", keyring: keyring(identity.osdHost) }]
        : []),
    ];
    machine.run(
      cephKeys({ fsid, keyrings, ...(isMonitor && { renewed: renewedUsers(plan, identity) }) }),
      `${node.name}/ceph-keys`,
      { parent: this },
      `${name}-keys`,
    );
    this.registerOutputs();
  }
}
