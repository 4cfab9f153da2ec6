import type * as pulumi from "@pulumi/pulumi";
import type { CephConnectionMode } from "../../config/ceph";
import { cephManagerFiles, cephUnitFile, packagesIn } from "../lib/cephDaemons";
import type { NodeFile, Step } from "../step";

export interface CephMonArgs {
  readonly node: string;
  readonly fsid: pulumi.Input<string>;
  readonly connectionMode: CephConnectionMode;
  /** Of the packages, where it is the file's: another one restarts the monitor. */
  readonly version?: string;
  /** Keyrings of all monitors, and of this node's manager; a lost node's has none. */
  readonly monitor: pulumi.Input<string>;
  readonly manager?: pulumi.Input<string>;
  /** Keyring of the users whose keys are not the first, the administrator among them. */
  readonly renewed?: pulumi.Input<string>;
  /** The manager's certificate for the dashboard, PEM; absent: no dashboard here. */
  readonly dashboard?: { readonly cert: pulumi.Input<string>; readonly key: pulumi.Input<string> };
}

/** A monitor is in the quorum, and a manager runs beside it. Undone, the monitor is out of the map. */
export function cephMon(args: CephMonArgs): Step<"FSID"> {
  const { node, fsid, connectionMode, version, monitor, manager, renewed, dashboard } = args;
  const secret = (path: string, content: pulumi.Input<string>): NodeFile => ({
    path: `/etc/ceph/${path}`,
    content,
    owner: "ceph:ceph",
    secret: true,
  });
  return {
    script: "ceph-mon",
    undo: "ceph-mon-leave",
    variables: { FSID: fsid, ...packagesIn(version) },
    secrets: { mon_keyring: monitor, ...(renewed && { users: renewed }) },
    // A manager reads them once: the step that writes them is the one that starts it anew.
    files: [
      cephUnitFile("mon@", connectionMode),
      cephUnitFile("mgr@", connectionMode),
      ...cephManagerFiles(),
      ...(manager === undefined ? [] : [secret(`ceph.mgr.${node}.keyring`, manager)]),
      ...(dashboard
        ? [secret("dashboard.crt", dashboard.cert), secret("dashboard.key", dashboard.key)]
        : []),
    ],
  };
}
