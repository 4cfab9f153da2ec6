import * as pulumi from "@pulumi/pulumi";
import type { CephPlan } from "../config/ceph";
import type { ClusterPlan } from "../config/plan";
import { cephFollow } from "../steps/ceph-follow";
import { cephHost } from "../steps/ceph-host";
import { cephKeys } from "../steps/ceph-keys";
import { cephPackages } from "../steps/ceph-packages";
import { type CephIdentity, keyring, renewedUsers } from "./cephIdentity";
import type { Machine } from "./machine";

export interface CephHostArgs {
  /** By which packages are fetched, and what was accepted of machines. */
  readonly cluster: Pick<ClusterPlan, "proxy" | "preflightAllow">;
  readonly plan: CephPlan;
  readonly identity: CephIdentity;
  readonly machine: Machine;
}

/**
 * A machine on which Ceph's daemons may run: configuration and keys lie ready, and packages where they are not the
 * distribution's. Deleting it stops what of Ceph still runs
 * there and takes the keys away; devices stay as they are.
 */
export class CephHost extends pulumi.ComponentResource {
  readonly machine: Machine;

  constructor(name: string, args: CephHostArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:CephHost", name, {}, opts);
    const { cluster, plan, identity, machine } = args;
    const { node } = machine;
    const { fsid } = identity;
    this.machine = machine;
    const { packages } = plan;
    if (packages)
      machine.run(
        cephPackages({ node, fsid, packages, proxy: cluster.proxy }),
        `${node.name}/ceph-packages`,
        { parent: this },
        `${name}-packages`,
      );
    machine.run(
      cephHost({ plan, node, fsid, allow: cluster.preflightAllow }),
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
    if (packages)
      machine.run(
        cephFollow({ node, fsid, version: packages.version }),
        `${node.name}/ceph-follow`,
        { parent: this },
        `${name}-follow`,
      );
    this.registerOutputs();
  }
}
