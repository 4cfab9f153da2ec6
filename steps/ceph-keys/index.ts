import type * as pulumi from "@pulumi/pulumi";
import { cephUnitFile } from "../lib/cephDaemons";
import type { Step } from "../step";

export interface CephKeysArgs {
  readonly fsid: pulumi.Input<string>;
  /** Keyring by the name of its user; `daemons` may read it. */
  readonly keyrings: readonly {
    readonly entity: string;
    readonly keyring: pulumi.Input<string>;
    readonly daemons?: boolean;
  }[];
}

/** Keys that a machine with daemons of Ceph needs are in place. */
export function cephKeys({ fsid, keyrings }: CephKeysArgs): Step<"FSID"> {
  return {
    script: "ceph-keys",
    variables: { FSID: fsid },
    files: [
      cephUnitFile("crash"),
      ...keyrings.map(({ entity, keyring, daemons }) => ({
        path: `/etc/ceph/ceph.${entity}.keyring`,
        content: keyring,
        ...(daemons ? { owner: "ceph:ceph" } : {}),
        secret: true,
      })),
    ],
  };
}
