import assert from "node:assert/strict";
import { join } from "node:path";
import { clusterFile, editCluster, on } from "./lab";

/** Beside the cluster's file: what the operator brings, and has brought. */
export const backups = join(clusterFile, "../backups");

/** Where masters have their snapshots. */
export const snapshots = "/var/lib/groundwork/snapshots";

interface State {
  readonly good: { readonly name: string; readonly time: number; readonly revision: number };
  readonly failure: string | null;
}

/** What a master has noted of the snapshots that it took. */
export const stateOf = (node: string) =>
  JSON.parse(on(node, `cat ${snapshots}/state.json`).stdout) as State;

/** Takes a snapshot at once. */
export function take(node = "master-01"): State["good"] {
  const { status, output } = on(node, "systemctl start groundwork-snapshot.service");
  assert.equal(status, 0, output + on(node, "journalctl -u groundwork-snapshot -n 20").stdout);
  return stateOf(node).good;
}

/** Sets, or takes out, a part of `cluster.etcd`. */
export const setEtcd = (path: readonly string[], value?: unknown) =>
  editCluster((file) =>
    value === undefined
      ? file.deleteIn(["cluster", "etcd", ...path])
      : file.setIn(["cluster", "etcd", ...path], file.createNode(value)),
  );
