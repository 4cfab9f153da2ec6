import { z } from "zod";
import * as field from "./fields";

const units = { m: 60, h: 3600, d: 86_400 } as const;

/** Seconds of `90m`, `6h` or `1d`. */
export function secondsOf(span: string): number {
  const unit = span.at(-1) as keyof typeof units;
  return Number(span.slice(0, -1)) * units[unit];
}

/** A span of time of at least ten minutes. */
const span = z
  .string()
  .regex(
    /^[1-9]\d{0,3}[mhd]$/,
    "is not a span of time; give a number and m, h or d, such as 90m, 6h or 1d",
  )
  .refine((text) => !/^\d+[mhd]$/.test(text) || secondsOf(text) >= 600, {
    error: "is too short; give ten minutes (10m) or more",
  });

const kept = (most: number, what: string) =>
  z
    .number()
    .int()
    .min(0, "is negative; give 0 or more")
    .max(most, `is too many; give at most ${most}`)
    .describe(what);

/** The public half of an age key, or an SSH key that age takes. */
const recipient = z
  .string()
  .regex(
    /^(age1[02-9ac-hj-np-z]{58}|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( .*)?)$/,
    "is no public key of age; give one such as age1..., as age-keygen prints it, or an SSH public key",
  )
  .describe("Public key of age (age1...), or an SSH public key.");

const bucketName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    "is not the name of a bucket; give 3 to 63 lower-case letters, digits, dots and dashes",
  );

const s3 = z
  .strictObject({
    endpoint: field.baseUrl.describe("URL of the server, such as https://s3.example.org."),
    bucket: bucketName.describe("Bucket; it has to be there."),
    addressing: z
      .enum(["path", "virtual"])
      .default("path")
      .describe(
        "Where requests name the bucket: path (https://s3.example.org/BUCKET), or virtual, in the host (https://BUCKET.s3.example.org), which some servers ask for.",
      ),
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,40}$/, "is not a region; give one such as eu-central-1")
      .default("us-east-1")
      .describe("Region that requests are signed for."),
    prefix: z
      .string()
      .regex(
        /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/,
        "is not a folder of a bucket; give letters, digits, dots, dashes, underscores and slashes between, such as clusters/east",
      )
      .optional()
      .describe(
        "Folder in the bucket; below it each cluster has its own. Default: the bucket's root.",
      ),
    credentials_file: field.secretFile.describe(
      "File with aws_access_key_id and aws_secret_access_key, as programs of AWS keep them; relative to this file's folder, or below ~/.",
    ),
    ca_file: field.secretFile
      .optional()
      .describe(
        "File with the certificates of who signed the server's, in PEM; default: whom the masters trust anyway.",
      ),
  })
  .optional()
  .describe("S3 storage that each snapshot is sent to, too; default: none.");

const snapshots = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe("Switch (true or false) of the timer that takes snapshots."),
    every: span.default("1h").describe("Span between two snapshots, such as 30m, 6h or 1d."),
    keep: z
      .strictObject({
        hourly: kept(
          1000,
          "Snapshots to keep, one for each of the last hours that have one.",
        ).default(24),
        daily: kept(
          1000,
          "Snapshots to keep, one for each of the last days that have one.",
        ).default(7),
        weekly: kept(
          1000,
          "Snapshots to keep, one for each of the last weeks that have one.",
        ).default(4),
      })
      .prefault({})
      .describe(
        "Numbers of snapshots that are kept, on each master and in S3; the newest always is.",
      ),
    recipients: z
      .array(recipient)
      .default([])
      .describe(
        "Public keys that snapshots are encrypted to, with age: nodes cannot read them then. Default: they are not encrypted.",
      ),
    warn_after: span
      .optional()
      .describe(
        "Age of the newest snapshot above which `make status` warns; default: three times every.",
      ),
    s3,
  })
  .prefault({})
  .describe("Snapshots of etcd, which the master takes that leads it; see Snapshots.");

const restore = z
  .strictObject({
    epoch: z
      .number()
      .int()
      .min(1, "is too small; give 1 for the first restore, and one more for each that follows")
      .max(1_000_000, "is too large; give one more than for the last restore")
      .describe("Number of the restore; one that was done is not done again."),
    snapshot: z
      .string()
      .min(1, "is empty; give the path of a snapshot, or with node its name there")
      .describe(
        "File with the snapshot (.db, or .db.zst), relative to this file's folder, or below ~/; with node, its name in that master's /var/lib/groundwork/snapshots.",
      ),
    node: field.nodeName
      .optional()
      .describe("Master on which the snapshot lies; default: it lies on the operator's machine."),
    discard_living: z
      .boolean()
      .default(false)
      .describe(
        "Switch (true or false) to restore although etcd lives and has its quorum: all that is younger than the snapshot is thrown away.",
      ),
  })
  .optional()
  .describe("Restore of etcd from a snapshot; see Restore. Default: none.");

/** `cluster.etcd`. */
export const etcd = z
  .strictObject({ snapshots, restore })
  .prefault({})
  .describe("Snapshots of etcd, and the way back to one.");
