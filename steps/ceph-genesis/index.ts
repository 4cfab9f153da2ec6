import type * as pulumi from "@pulumi/pulumi";
import type { CephConnectionMode } from "../../config/ceph";
import { cephUnitFile } from "../lib/cephDaemons";
import type { Step } from "../step";

export interface CephGenesisArgs {
  readonly fsid: pulumi.Input<string>;
  readonly connectionMode: CephConnectionMode;
  /** Addresses of the other monitors. */
  readonly peers: readonly string[];
  /** Keyring of all users. */
  readonly keyring: pulumi.Input<string>;
  /** What is set from the first moment on: see `cephSettings`. */
  readonly settings: string;
}

/** The Ceph cluster is born, once, as one monitor. */
export function cephGenesis({
  fsid,
  connectionMode,
  peers,
  keyring,
  settings,
}: CephGenesisArgs): Step<"FSID" | "PEERS"> {
  return {
    script: "ceph-genesis",
    variables: { FSID: fsid, PEERS: peers.join(" ") },
    texts: { settings },
    secrets: { initial_keyring: keyring },
    files: [cephUnitFile("mon@", connectionMode)],
  };
}
