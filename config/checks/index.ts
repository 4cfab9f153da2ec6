import type { Issue } from "../issues";
import { apiServer } from "./apiServer";
import { calls } from "./calls";
import { cephCluster, cephDevices, cephKey, cephNetwork } from "./ceph";
import { checksums } from "./checksums";
import { duplicates } from "./duplicates";
import { endpoint } from "./endpoint";
import { etcd } from "./etcd";
import { interfaces } from "./interfaces";
import { featureGates, flagVersions } from "./flags";
import { groups, kubeletFields, kubelets, maxPods, swap } from "./kubelet";
import { names, networkPlugin, networks } from "./networks";
import { masters, survivors, taints } from "./nodes";
import { preflight } from "./preflight";
import { registries } from "./registries";
import { sshKeys } from "./ssh";
import { unmanaged } from "./unmanaged";
import type { Check, ClusterDraft } from "./types";

const checks: readonly Check[] = [
  networks,
  networkPlugin,
  duplicates,
  interfaces,
  masters,
  survivors,
  unmanaged,
  taints,
  groups,
  kubelets,
  kubeletFields,
  flagVersions,
  featureGates,
  maxPods,
  swap,
  sshKeys,
  calls,
  apiServer,
  endpoint,
  checksums,
  etcd,
  registries,
  names,
  cephCluster,
  cephDevices,
  cephNetwork,
  cephKey,
  preflight,
];

/** What no single value shows: everything that is wrong with the valid parts of a file taken together. */
export function crossCheck(file: ClusterDraft, baseDir: string): Issue[] {
  return checks.flatMap((check) => check(file, baseDir));
}
