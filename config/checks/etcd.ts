import { readCredentials } from "../etcd";
import type { Issue, Path } from "../issues";
import { readCertificates } from "../registries";
import { type Check, managedOf } from "./types";

/** That what snapshots and a restore name is there, and fit for it. */
export const etcd: Check = (file, baseDir) => {
  const { snapshots, restore } = file.cluster?.etcd ?? {};
  const issues: Issue[] = [];
  const say = (path: Path, message: string) =>
    issues.push({ path: ["cluster", "etcd", ...path], message });
  const { s3 } = snapshots ?? {};
  const look = (name: string, path: string | undefined, read: typeof readCredentials) => {
    const found = path === undefined ? undefined : read(path, baseDir);
    if (found && "problem" in found) say(["snapshots", "s3", name], `${path} ${found.problem}`);
  };
  look("credentials_file", s3?.credentials_file, readCredentials);
  look("ca_file", s3?.ca_file, readCertificates);
  if (s3?.ca_file !== undefined && s3.endpoint?.startsWith("http:"))
    say(
      ["snapshots", "s3", "endpoint"],
      "is asked without TLS, and ca_file is for TLS; give https://, or leave ca_file out",
    );

  if (!restore) return issues;
  const { node, snapshot } = restore;
  const masters = managedOf(file).filter(
    ({ node }) => node.roles?.includes("master") && !node.lost,
  );
  if (masters.length === 0)
    say(["restore"], "has no master to restore etcd on; keep one that is not lost");
  else if (node !== undefined && !masters.some((master) => master.node.name === node))
    say(
      ["restore", "node"],
      `${node} is no master that lives; name one of ${masters.map((master) => master.node.name).join(", ")}`,
    );
  if (snapshot === undefined) return issues;
  const decrypt = "age --decrypt --identity KEY --output snapshot.db.zst SNAPSHOT";
  if (snapshot.endsWith(".age"))
    say(
      ["restore", "snapshot"],
      `${snapshot} is encrypted, and no node has the key; decrypt it where the key is (${decrypt}) and give the file without .age`,
    );
  else if (!/\.db(\.zst)?$/.test(snapshot))
    say(
      ["restore", "snapshot"],
      `${snapshot} has not the name of a snapshot; give one that ends with .db or .db.zst`,
    );
  else if (node !== undefined && !/^[A-Za-z0-9._-]+$/.test(snapshot))
    say(
      ["restore", "snapshot"],
      `${snapshot} is not the name of a snapshot on ${node}; give its name alone, as make status or ls /var/lib/groundwork/snapshots there shows it`,
    );
  return issues;
};
