import { basename } from "node:path";
import { secondsOf } from "./etcdFields";
import { type FromFile, pathOf, readOperatorFile, textIn } from "./operatorFile";
import type { NodePlan } from "./plan";
import { readCertificates } from "./registries";
import type { ClusterFile } from "./schema";

type EtcdFile = ClusterFile["cluster"]["etcd"];

/** Storage that speaks S3. */
export interface S3Plan {
  readonly endpoint: string;
  readonly bucket: string;
  /** Where requests name the bucket: in the path, or in the host. */
  readonly addressing: "path" | "virtual";
  readonly region: string;
  /** Folder of this cluster in the bucket, with a slash at its end. */
  readonly prefix: string;
  /** As programs of AWS keep it: `aws_access_key_id = ...`. Secret. */
  readonly credentials: string;
  /** Who signed the server's certificate, in PEM. */
  readonly ca?: string;
}

/** Snapshots of etcd. */
export interface SnapshotPlan {
  readonly enabled: boolean;
  /** Seconds between two. */
  readonly every: number;
  /** Seconds after which the newest is too old. */
  readonly warnAfter: number;
  readonly keep: { readonly hourly: number; readonly daily: number; readonly weekly: number };
  /** Public keys of age; none: not encrypted. */
  readonly recipients: readonly string[];
  readonly s3?: S3Plan;
}

/** The way back to a snapshot. */
export interface RestorePlan {
  readonly epoch: number;
  /** The master that etcd begins anew on. */
  readonly on: NodePlan;
  /** Where the snapshot lies on that master; one of the operator's is brought there. */
  readonly path: string;
  /** Where it lies on the operator's machine; absent: it lies on the master. */
  readonly source?: string;
  readonly discardLiving: boolean;
}

export interface EtcdPlan {
  readonly snapshots: SnapshotPlan;
  readonly restore?: RestorePlan;
}

/** Folder of snapshots on a master. */
export const snapshotFolder = "/var/lib/groundwork/snapshots";

/** @param masters that are not lost */
export function deriveEtcd(
  { snapshots, restore }: EtcdFile,
  cluster: string,
  masters: readonly NodePlan[],
  baseDir: string,
): EtcdPlan {
  const every = secondsOf(snapshots.every);
  const { s3 } = snapshots;
  return {
    snapshots: {
      enabled: snapshots.enabled,
      every,
      warnAfter: snapshots.warn_after === undefined ? 3 * every : secondsOf(snapshots.warn_after),
      keep: snapshots.keep,
      recipients: [...new Set(snapshots.recipients)].sort(),
      ...(s3 && {
        s3: {
          endpoint: s3.endpoint,
          bucket: s3.bucket,
          addressing: s3.addressing,
          region: s3.region,
          prefix: [...(s3.prefix === undefined ? [] : [s3.prefix]), cluster, ""].join("/"),
          credentials: textIn(s3.credentials_file, readCredentials(s3.credentials_file, baseDir)),
          ...(s3.ca_file !== undefined && {
            ca: textIn(s3.ca_file, readCertificates(s3.ca_file, baseDir)),
          }),
        },
      }),
    },
    ...restorePlan(restore, masters, baseDir),
  };
}

function restorePlan(
  restore: EtcdFile["restore"],
  masters: readonly NodePlan[],
  baseDir: string,
): { restore?: RestorePlan } {
  const on =
    restore?.node === undefined ? masters[0] : masters.find(({ name }) => name === restore.node);
  if (!restore || !on) return {};
  const { epoch, snapshot, node, discard_living: discardLiving } = restore;
  if (node !== undefined)
    return { restore: { epoch, on, path: `${snapshotFolder}/${snapshot}`, discardLiving } };
  const ending = /\.db\.zst$/.test(basename(snapshot)) ? "db.zst" : "db";
  const path = `${snapshotFolder}/restore-${epoch}.${ending}`;
  return { restore: { epoch, on, path, source: pathOf(snapshot, baseDir), discardLiving } };
}

/** Credentials of S3 in the form of AWS' own programs. */
export function readCredentials(file: string, baseDir: string): FromFile {
  const read = readOperatorFile(file, baseDir, "a file with the credentials");
  if ("problem" in read) return read;
  const has = (key: string) => new RegExp(`^\\s*${key}\\s*=\\s*\\S+\\s*$`, "m").test(read.text);
  const missing = ["aws_access_key_id", "aws_secret_access_key"].filter((key) => !has(key));
  return missing.length === 0
    ? { text: read.text }
    : {
        problem: `has no ${missing.join(" and no ")}${read.where}; write lines such as aws_access_key_id = NAME into it`,
      };
}
