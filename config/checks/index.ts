import type { Issue } from "../issues";
import { apiServer } from "./apiServer";
import { cephCluster, cephDevices, cephNetwork } from "./ceph";
import { checksums } from "./checksums";
import { duplicates } from "./duplicates";
import { networks } from "./networks";
import { masters, survivors, taints } from "./nodes";
import { preflight } from "./preflight";
import { sshKeys } from "./ssh";
import type { Check, ClusterDraft } from "./types";

const checks: readonly Check[] = [
  networks,
  duplicates,
  masters,
  survivors,
  taints,
  sshKeys,
  apiServer,
  checksums,
  cephCluster,
  cephDevices,
  cephNetwork,
  preflight,
];

/** What no single value shows: everything that is wrong with the valid parts of a file taken together. */
export function crossCheck(file: ClusterDraft, baseDir: string): Issue[] {
  return checks.flatMap((check) => check(file, baseDir));
}
