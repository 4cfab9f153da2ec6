import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative, resolve } from "node:path";
import { createAgent } from "ssh2";
import { OperatorError } from "../commands/command";
import { readPrivateKey } from "../config/privateKey";

/** A key to log in with: that of a file, or of the agent. */
export interface Key {
  /** As it is to stand in the cluster file; absent: ssh-agent. */
  readonly file: string | undefined;
  readonly privateKey: string | undefined;
}

/** What `ssh` tries by itself, in its order of preference. */
const usual = ["id_ed25519", "id_ecdsa", "id_rsa"];

/**
 * Keys that may let the operator in, the likeliest first.
 * @param identity a file that the operator names: there is no other then
 * @param agent where ssh-agent listens
 * @param folder of the cluster file, where relative paths in it start
 * @throws OperatorError when there is none
 */
export async function keysOf(
  identity: string | undefined,
  agent: string | undefined,
  folder: string,
): Promise<Key[]> {
  if (identity !== undefined) return [keyFile(identity, folder)];
  const files = usual
    .map((name) => join(homedir(), ".ssh", name))
    .filter((path) => existsSync(path) && !("problem" in readPrivateKey(path, "/")));
  const keys: Key[] = [
    ...((await agentHasKeys(agent)) ? [{ file: undefined, privateKey: undefined }] : []),
    ...files.map((path) => keyFile(path, folder)),
  ];
  if (keys.length > 0) return keys;
  throw new OperatorError(
    `there is no key to log in with: ssh-agent has none, and ~/.ssh has none of ${usual.join(", ")} without passphrase; ` +
      "name one with --identity FILE, or add one to the agent with ssh-add",
  );
}

function keyFile(name: string, folder: string): Key {
  const path = resolve(name);
  const read = readPrivateKey(path, "/");
  if ("problem" in read) throw new OperatorError(`${name} ${read.problem}`);
  const [inside, atHome] = [relative(folder, path), relative(homedir(), path)];
  const isBelow = (way: string) => !way.startsWith("..");
  const file = isBelow(inside) ? inside : isBelow(atHome) ? `~/${atHome}` : path;
  return { file, privateKey: read.text };
}

function agentHasKeys(agent: string | undefined): Promise<boolean> {
  if (agent === undefined) return Promise.resolve(false);
  return new Promise((done) =>
    createAgent(agent).getIdentities((error, keys) => done(!error && (keys?.length ?? 0) > 0)),
  );
}
