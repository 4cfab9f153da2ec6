import type * as pulumi from "@pulumi/pulumi";
import { cephCrashFile } from "../lib/cephDaemons";
import type { Step } from "../step";

export interface CephKeysArgs {
  readonly fsid: pulumi.Input<string>;
  /** Keyring by the name of its user; `daemons` may read it. */
  readonly keyrings: readonly {
    readonly entity: string;
    readonly keyring: pulumi.Input<string>;
    readonly daemons?: boolean;
  }[];
  /** Where a monitor runs: keyring of the users whose keys are not the first, the administrator among them. */
  readonly renewed?: pulumi.Input<string>;
}

/** Keys that a machine with daemons of Ceph needs are in place. */
export function cephKeys({ fsid, keyrings, renewed }: CephKeysArgs): Step<"FSID"> {
  return {
    script: "ceph-keys",
    variables: { FSID: fsid },
    ...(renewed && { secrets: { users: renewed } }),
    files: [
      cephCrashFile,
      ...keyrings.map(({ entity, keyring, daemons }) => ({
        path: `/etc/ceph/ceph.${entity}.keyring`,
        content: keyring,
        ...(daemons ? { owner: "ceph:ceph" } : {}),
        secret: true,
      })),
    ],
  };
}
