import { type Issue, type Path, show } from "../issues";
import type { FromFile } from "../operatorFile";
import { readPassword, readPrivateKey } from "../privateKey";
import { type Way, WayError, Ways } from "../sshTarget";
import { type Check, type ClusterDraft, managedOf, nodesOf } from "./types";

/** Every node can be logged in to: there is a way, one source of keys, and the files are there. */
export const sshKeys: Check = (file, baseDir) => {
  const written = writtenFiles(file);
  const ways = waysOf(file, baseDir);
  if (ways instanceof WayError) {
    const name = show(file.cluster?.ssh?.config_file);
    return [{ path: ["cluster", "ssh", "config_file"], message: `${name} ${ways.message}` }];
  }
  return [
    ...keySource(file, ways),
    ...sudoPasswords(file, ways),
    ...written.flatMap((one) => unreadable(one, baseDir)),
    ...identities(ways, written, baseDir),
  ];
};

/** The ways to the nodes, by their places in the file; or why one leads nowhere. */
export function waysOf(file: ClusterDraft, baseDir: string): Map<number, Way> | WayError {
  try {
    const ways = new Ways(file.cluster?.ssh ?? {}, baseDir);
    return new Map(
      managedOf(file).map(({ node: { name, ip = "", ssh = {} }, index }) => [
        index,
        ways.to({ ...(name !== undefined && { name }), ip, ssh }),
      ]),
    );
  } catch (error) {
    if (error instanceof WayError) return error;
    throw error;
  }
}

function keySource(file: ClusterDraft, ways: ReadonlyMap<number, Way>): Issue[] {
  const ssh = file.cluster?.ssh;
  if (ssh?.agent === undefined) return [];
  if (ssh.agent && ssh.private_key_file !== undefined) {
    return [
      {
        path: ["cluster", "ssh", "agent"],
        message: "true excludes private_key_file; remove one of the two",
      },
    ];
  }
  const everyNodeHasOne =
    ways.size > 0 && [...ways.values()].every(({ keyFile }) => keyFile !== undefined);
  if (ssh.agent || ssh.private_key_file !== undefined || everyNodeHasOne) return [];
  return [
    {
      path: ["cluster", "ssh"],
      message: "names no key to log in with; give private_key_file, or agent: true for ssh-agent",
    },
  ];
}

/** A password for sudo is for a user who is not root. */
function sudoPasswords(file: ClusterDraft, ways: ReadonlyMap<number, Way>): Issue[] {
  const remedy = "is not for root, who needs no sudo; remove it, or set user";
  const asRoot = (index: number) => ways.get(index)?.user === "root";
  const nodes = managedOf(file);
  const common = file.cluster?.ssh?.sudo_password_file;
  const issues: Issue[] = nodes
    .filter(({ node, index }) => node.ssh?.sudo_password_file !== undefined && asRoot(index))
    .map(({ node, index }) => ({
      path: ["nodes", index, "ssh", "sudo_password_file"],
      message: `${show(node.ssh?.sudo_password_file)} ${remedy}`,
    }));
  if (common === undefined || nodes.length === 0 || !nodes.every(({ index }) => asRoot(index)))
    return issues;
  const path = ["cluster", "ssh", "sudo_password_file"];
  return [{ path, message: `${show(common)} ${remedy}` }, ...issues];
}

interface SecretFile {
  readonly path: Path;
  readonly name: string;
  readonly read: (name: string, baseDir: string) => FromFile;
}

function unreadable({ path, name, read }: SecretFile, baseDir: string): Issue[] {
  const found = read(name, baseDir);
  return "problem" in found ? [{ path, message: `${show(name)} ${found.problem}` }] : [];
}

/** Files with keys that `config_file` names. */
function identities(
  ways: ReadonlyMap<number, Way>,
  written: readonly SecretFile[],
  baseDir: string,
): Issue[] {
  const known = new Set(written.map(({ name }) => name));
  const named = [...ways.values()].flatMap(({ keyFile, bastion }) => [keyFile, bastion?.keyFile]);
  return [...new Set(named)].flatMap((name) =>
    name === undefined || known.has(name)
      ? []
      : unreadable(
          { path: ["cluster", "ssh", "config_file"], name, read: readPrivateKey },
          baseDir,
        ),
  );
}

interface Secrets {
  readonly private_key_file?: string;
  readonly sudo_password_file?: string;
}

function writtenFiles(file: ClusterDraft): SecretFile[] {
  const ssh = file.cluster?.ssh;
  const all: { path: Path; hop: Secrets | undefined }[] = [
    { path: ["cluster", "ssh"], hop: ssh },
    { path: ["cluster", "ssh", "bastion"], hop: ssh?.bastion },
    ...nodesOf(file).flatMap(({ node, index }) => [
      { path: ["nodes", index, "ssh"], hop: node.ssh },
      { path: ["nodes", index, "ssh", "bastion"], hop: node.ssh?.bastion },
    ]),
  ];
  return all.flatMap(({ path, hop }) => {
    const key = hop?.private_key_file;
    const password = hop?.sudo_password_file;
    return [
      ...(key === undefined
        ? []
        : [{ path: [...path, "private_key_file"], name: key, read: readPrivateKey }]),
      ...(password === undefined
        ? []
        : [{ path: [...path, "sudo_password_file"], name: password, read: readPassword }]),
    ];
  });
}
