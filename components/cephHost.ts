import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { CephPlan } from "../config/ceph";
import { cephConf } from "../render/ceph";
import { cephManagerFiles, cephUnitFiles } from "../render/cephDaemons";
import type { NodeFile } from "../render/script";
import type { KeyPair } from "./certificate";
import { type CephIdentity, keyring } from "./cephIdentity";
import type { Machine } from "./machine";

export interface CephHostArgs {
  readonly plan: CephPlan;
  readonly identity: CephIdentity;
  readonly machine: Machine;
  /** The dashboard's certificate on a monitor's machine; absent: no dashboard here. */
  readonly dashboard?: KeyPair;
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
    const { plan, identity, machine, dashboard } = args;
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
          ...cephUnitFiles(),
          ...(node.roles.includes("ceph-mon") ? cephManagerFiles() : []),
        ]),
      },
      [machine.prepared],
      { parent: this },
      `${name}-host`,
    );

    const manager = identity.managers.get(node.name);
    const file = (path: string, content: pulumi.Input<string>) =>
      pulumi.output(content).apply((content): NodeFile => ({ path, content, owner: "ceph:ceph" }));
    const files = [
      file("/etc/ceph/ceph.client.crash.keyring", keyring(identity.crash)),
      ...(manager
        ? [
            file("/etc/ceph/ceph.client.admin.keyring", keyring(identity.admin)),
            file("/var/lib/ceph/mon/keyring", keyring(identity.monitor)),
            file(`/var/lib/ceph/mgr/ceph-${node.name}/keyring`, keyring(manager)),
          ]
        : []),
      ...(dashboard
        ? [
            file("/etc/ceph/dashboard.crt", dashboard.cert),
            file("/etc/ceph/dashboard.key", dashboard.key),
          ]
        : []),
      ...(node.roles.includes("ceph-osd")
        ? [file("/var/lib/ceph/bootstrap-osd/ceph.keyring", keyring(identity.osdHost))]
        : []),
    ];
    this.ready = machine.run(
      "ceph-keys",
      { vars: { FSID: fsid, MANAGER: String(manager !== undefined) }, files: pulumi.all(files) },
      [configured],
      { parent: this },
      `${name}-keys`,
    );
    this.registerOutputs();
  }
}
