import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { hostKey, sampleCluster } from "../unit/clusterSample";
import { type Graph, recordProgram, type RecordOptions } from "./record";

export interface RecordNodesOptions extends RecordOptions {
  /** `cluster.endpoint`; default: none, which makes it the first master's address. */
  readonly endpoint?: string;
  /** `cluster.preflight.allow`. */
  readonly allow?: readonly string[];
  /** Nodes with `lost: true`. */
  readonly lost?: readonly string[];
  /** `cluster.ssh.bastion`; default: none. */
  readonly bastion?: Readonly<Record<string, unknown>>;
  /** `ssh` of every node. */
  readonly ssh?: Readonly<Record<string, unknown>>;
  /** `groups`; default: none. */
  readonly groups?: Readonly<Record<string, object>>;
  /** `cluster.kubernetes.rotations`; default: none. */
  readonly rotations?: Readonly<Record<string, number>>;
  /** More of some nodes' entries. */
  readonly entries?: Readonly<Record<string, object>>;
}

/** Registers the program for a file with these nodes, in this order: `master-02` is a master, `worker-02` a worker. */
export function recordNodes(
  names: readonly string[],
  {
    endpoint,
    allow = [],
    lost = [],
    bastion,
    ssh = {},
    groups = {},
    rotations = {},
    entries = {},
    ...options
  }: RecordNodesOptions = {},
): Promise<Graph> {
  const sample = sampleCluster();
  const cluster = {
    ...sample,
    kubernetes: { ...sample.kubernetes, rotations },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(bastion === undefined ? {} : { ssh: { agent: true, bastion } }),
    preflight: { allow },
  };
  const nodes = names.map((name) => ({
    ...node(name, ssh),
    ...(lost.includes(name) ? { lost: true } : {}),
    ...entries[name],
  }));
  return recordFile({ cluster, groups, nodes }, options);
}

/** Registers the program for a file of this content. */
export async function recordFile(content: unknown, options: RecordOptions = {}): Promise<Graph> {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-graph-"));
  try {
    const file = join(folder, "cluster.yaml");
    writeFileSync(file, stringify(content));
    return await recordProgram(file, options);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function node(name: string, ssh: Readonly<Record<string, unknown>>) {
  const [role = "", number = ""] = name.split("-");
  const [subnet, seed] = role === "master" ? [0, 0] : [1, 100];
  return {
    name,
    ip: `10.0.${subnet}.${Number(number)}`,
    roles: [role],
    host_key: hostKey(seed + Number(number)),
    ssh,
  };
}
