import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { CephPlan } from "../config/ceph";
import { cephConf } from "../steps/lib/ceph";
import { cephSudoers, cephUnitFile } from "../steps/lib/cephDaemons";
import type { NodeFile } from "../steps/program";
import { type CephIdentity, keyring } from "./cephIdentity";
import type { Machine } from "./machine";
import { file } from "./nodeFile";

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
  /** Keys and configuration are in place. */
  readonly ready: command.remote.Command;

  constructor(name: string, args: CephHostArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:CephHost", name, {}, opts);
    const { plan, identity, machine } = args;
    const { node } = machine;
    const { fsid } = identity;
    this.machine = machine;
    const configured = machine.run(
      "ceph-host",
      {
        delete: "ceph-remove",
        vars: { FSID: fsid, MONITORS: plan.monitors.map(({ name }) => name).join(" ") },
        files: fsid.apply((fsid): NodeFile[] => [
          { path: "/etc/ceph/ceph.conf", content: cephConf(plan, node, fsid), mode: "0644" },
          cephSudoers,
        ]),
      },
      [machine.prepared],
      { parent: this },
      `${name}-host`,
    );

    const keyFile = (entity: string, content: pulumi.Input<string>, owner?: string) =>
      file(`/etc/ceph/ceph.${entity}.keyring`, content, owner);
    const files = [
      cephUnitFile("crash"),
      keyFile("client.crash", keyring(identity.crash), "ceph:ceph"),
      ...(node.roles.includes("ceph-mon")
        ? [keyFile("client.admin", keyring(identity.admin))]
        : []),
      ...(node.roles.includes("ceph-osd")
        ? [keyFile("client.bootstrap-osd", keyring(identity.osdHost))]
        : []),
    ];
    this.ready = machine.run(
      "ceph-keys",
      { vars: { FSID: fsid }, files: pulumi.all(files) },
      [configured],
      { parent: this },
      `${name}-keys`,
    );
    this.registerOutputs();
  }
}
