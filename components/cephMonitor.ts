import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { CephHost } from "./cephHost";
import type { CephIdentity } from "./cephIdentity";

export interface CephMonitorArgs {
  readonly identity: CephIdentity;
  readonly host: CephHost;
  /** The birth of the Ceph cluster. */
  readonly genesis: command.remote.Command;
  /** The monitor before this one by name; none for the first. The map takes one change at a time. */
  readonly previous: CephMonitor | undefined;
}

/**
 * A monitor in the quorum and a manager beside it. The first is the same component with the same step as every other.
 * Deleting it takes the monitor out of the map, unless the others would have no quorum without it.
 */
export class CephMonitor extends pulumi.ComponentResource {
  readonly host: CephHost;
  readonly ready: command.remote.Command;

  constructor(name: string, args: CephMonitorArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:CephMonitor", name, {}, opts);
    const { identity, host, genesis, previous } = args;
    this.host = host;
    this.ready = host.machine.run(
      "ceph-mon",
      { delete: "ceph-mon-leave", vars: { FSID: identity.fsid } },
      [host.ready, genesis, ...(previous ? [previous.ready] : [])],
      // When the whole Ceph cluster goes there is nobody to take leave of.
      { parent: this, deletedWith: genesis },
      name,
    );
    this.registerOutputs();
  }
}
