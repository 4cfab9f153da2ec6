import type * as ssh2 from "ssh2";
import { type FromFile, pathOf, readOperatorFile } from "./operatorFile";
import { isStandIn } from "./standIn";

/**
 * Reads an SSH private key without passphrase.
 * @param file as written in the cluster file; `~/` is the home directory, relative paths start at `baseDir`
 * @param baseDir the cluster file's folder
 */
export function readPrivateKey(file: string, baseDir: string): FromFile {
  return read(file, baseDir, "an SSH private key", (text, where) =>
    keyProblem(text, where, pathOf(file, baseDir)),
  );
}

/** Reads a password, alone in a file. Its name and `baseDir` are as those of a private key. */
export function readPassword(file: string, baseDir: string): FromFile {
  const found = read(file, baseDir, "a file with the password", passwordProblem);
  return "problem" in found ? found : { text: found.text.replace(/[\r\n]+$/, "") };
}

/** What is wrong with the text of a password's file, and what to do, or nothing: the end of a sentence. */
export function passwordProblem(text: string, where = ""): string | undefined {
  const [line = "", ...more] = text.split(/\r?\n/);
  const remedy = "write the password alone, in one line";
  if (line === "") return `holds no password${where}; ${remedy}`;
  if (more.some((other) => other !== "")) return `holds more than one line${where}; ${remedy}`;
  return /\p{Cc}/u.test(line) ? `holds control characters${where}; ${remedy}` : undefined;
}

function read(
  file: string,
  baseDir: string,
  what: string,
  problemOf: (text: string, where: string) => string | undefined,
): FromFile {
  // A program gives the secret itself, and it may not be known yet.
  if (isStandIn(file)) return { text: file };
  const found = readOperatorFile(file, baseDir, what);
  if ("problem" in found) return found;
  const problem = problemOf(found.text, found.where);
  return problem === undefined ? { text: found.text } : { problem };
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
  const found = parsed(key);
  if (!(found instanceof Error)) return undefined;
  if (/no passphrase given/.test(found.message)) return protectedBy;
  if (/^Unsupported key format/.test(found.message)) {
    return {
      is: "is a private key in a form that the SSH client does not read",
      remedy: `'ssh-keygen -p -f ${path}' writes it anew in OpenSSH's own`,
    };
  }
  return /^Unsupported/.test(found.message)
    ? { is: `is of a kind that needs more than a file (${found.message})`, remedy: agent }
    : { is: "is damaged or cut short", remedy: "copy the whole file again" };
}

/** The public half of a private key, as it stands in `authorized_keys`; undefined: it is none that can be read. */
export function publicLine(privateKey: string): string | undefined {
  const key = parsed(privateKey);
  return key instanceof Error ? undefined : `${key.type} ${key.getPublicSSH().toString("base64")}`;
}

function parsed(key: string): ssh2.ParsedKey | Error {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- it takes its time to load, and a file with `agent: true` needs none
  const { utils } = require("ssh2") as typeof ssh2;
  return utils.parseKey(key);
}
