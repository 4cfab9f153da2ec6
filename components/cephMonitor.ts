import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { cephMon } from "../steps/ceph-mon";
import type { KeyPair } from "./certificate";
import type { CephHost } from "./cephHost";
import { type CephIdentity, keyring } from "./cephIdentity";

export interface CephMonitorArgs {
  readonly identity: CephIdentity;
  readonly host: CephHost;
  /** The manager's certificate for the dashboard; absent: no dashboard here. */
  readonly dashboard?: KeyPair;
  /** As `renewedUsers`. */
  readonly renewed?: pulumi.Output<string>;
  /** The birth of the Ceph cluster. */
  readonly genesis: command.remote.Command;
  /** Of the packages, where it is the file's: another one restarts it. */
  readonly version?: string;
}

/**
 * A monitor in the quorum and a manager beside it. The first is the same component with the same step as every other.
 * Deleting it takes the monitor out of the map, unless the others would have no quorum without it.
 */
export class CephMonitor extends pulumi.ComponentResource {
  constructor(name: string, args: CephMonitorArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:CephMonitor", name, {}, opts);
    const { identity, host, dashboard, genesis, version } = args;
    const { node } = host.machine;
    const manager = identity.managers.get(node.name);
    host.machine.run(
      cephMon({
        node: node.name,
        fsid: identity.fsid,
        connectionMode: identity.connectionMode,
        version,
        monitor: keyring(identity.monitor),
        manager: manager && keyring(manager),
        renewed: args.renewed,
        dashboard,
      }),
      `${node.name}/ceph-mon`,
      // When the whole Ceph cluster goes there is nobody to take leave of.
      { parent: this, deletedWith: genesis },
      name,
    );
    this.registerOutputs();
  }
}
