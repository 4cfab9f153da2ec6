import type * as ssh2 from "ssh2";
import { pathOf, readOperatorFile } from "./operatorFile";
import { isStandIn } from "./standIn";

/** A private key, or why there is none: a sentence's end behind the file's name, with the remedy. */
export type PrivateKey = { readonly key: string } | { readonly problem: string };

/**
 * Reads an SSH private key without passphrase.
 * @param file as written in the cluster file; `~/` is the home directory, relative paths start at `baseDir`
 * @param baseDir the cluster file's folder
 */
export function readPrivateKey(file: string, baseDir: string): PrivateKey {
  // A program gives the key itself, and it may not be known yet.
  if (isStandIn(file)) return { key: file };
  const read = readOperatorFile(file, baseDir, "an SSH private key");
  if ("problem" in read) return read;
  const { text: key, where } = read;
  const problem = keyProblem(key, where, pathOf(file, baseDir));
  return problem === undefined ? { key } : { problem };
}

/**
 * What is wrong with the text of a private key, and what to do, or nothing: the end of a sentence.
 * @param path where it was read, for a command that mends it
 */
export function keyProblem(key: string, where = "", path = "FILE"): string | undefined {
  if (!/^-----BEGIN [A-Z ]*PRIVATE KEY-----/m.test(key))
    return `holds no private key${where}; give the private half, the file without .pub`;
  const flaw = flawOf(key, path);
  return flaw && `${flaw.is}${where}; ${flaw.remedy}`;
}

/** What keeps our SSH client from logging in with a key, and what to do; nothing when it may. */
function flawOf(key: string, path: string): { is: string; remedy: string } | undefined {
  const agent = "add it to ssh-agent and set agent: true instead";
  const protectedBy = { is: "is protected by a passphrase", remedy: agent };
  if (/^-----BEGIN ENCRYPTED /m.test(key)) return protectedBy;
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- it takes its time to load, and a file with `agent: true` needs none
  const { utils } = require("ssh2") as typeof ssh2;
  const parsed = utils.parseKey(key);
  if (!(parsed instanceof Error)) return undefined;
  if (/no passphrase given/.test(parsed.message)) return protectedBy;
  if (/^Unsupported key format/.test(parsed.message)) {
    return {
      is: "is a private key in a form that the SSH client does not read",
      remedy: `'ssh-keygen -p -f ${path}' writes it anew in OpenSSH's own`,
    };
  }
  return /^Unsupported/.test(parsed.message)
    ? { is: `is of a kind that needs more than a file (${parsed.message})`, remedy: agent }
    : { is: "is damaged or cut short", remedy: "copy the whole file again" };
}
