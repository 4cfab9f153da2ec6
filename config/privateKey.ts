import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
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
  const path = file.startsWith("~/") ? join(homedir(), file.slice(2)) : resolve(baseDir, file);
  const where = path === file ? "" : ` (that is ${path})`;
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    return {
      problem: `is no file${where}; give the path of an SSH private key, from the cluster file's folder`,
    };
  }
  let key: string;
  try {
    key = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { problem: `cannot be read${where}: ${code}; give yourself the right to read it` };
  }
  const problem = keyProblem(key, where);
  return problem === undefined ? { key } : { problem };
}

/** What is wrong with the text of a private key, and what to do, or nothing. */
export function keyProblem(key: string, where = ""): string | undefined {
  if (!/^-----BEGIN [A-Z ]*PRIVATE KEY-----/m.test(key))
    return `holds no private key${where}; give the private half, the file without .pub`;
  if (isEncrypted(key))
    return `is protected by a passphrase${where}; add it to ssh-agent and set agent: true instead`;
  return undefined;
}

function isEncrypted(key: string): boolean {
  if (/ENCRYPTED/.test(key)) return true;
  const openssh = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(key)?.[1];
  if (openssh === undefined) return false;
  // The format begins with a magic word, then the cipher's name behind its length: "none" when there is no passphrase.
  const bytes = Buffer.from(openssh, "base64");
  const start = "openssh-key-v1\0".length + 4;
  return bytes.toString("latin1", start, start + 4) !== "none";
}
