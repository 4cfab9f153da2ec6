import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** What a file holds, or why it holds none: a sentence's end behind the file's name, with the remedy. */
export type FromFile = { readonly text: string } | { readonly problem: string };

/** The text of a file, or why there is none: a sentence's end behind the file's name, with the remedy. */
export type FileText =
  { readonly text: string; readonly where: string } | { readonly problem: string };

/**
 * Reads a file that the cluster file names.
 * @param file as written there; `~/` is the home directory, relative paths start at `baseDir`
 * @param baseDir the cluster file's folder
 * @param what the file should be, with its article
 */
export function readOperatorFile(file: string, baseDir: string, what: string): FileText {
  const path = pathOf(file, baseDir);
  const where = path === file ? "" : ` (that is ${path})`;
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    return {
      problem: `is no file${where}; give the path of ${what}, from the cluster file's folder`,
    };
  }
  try {
    return { text: readFileSync(path, "utf8"), where };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { problem: `cannot be read${where}: ${code}; give yourself the right to read it` };
  }
}

/** Where a file lies that the cluster file names. */
export function pathOf(file: string, baseDir: string): string {
  return file.startsWith("~/") ? join(homedir(), file.slice(2)) : resolve(baseDir, file);
}

/** What a file holds that the checks have found to be good. */
export function textIn(file: string, read: FromFile): string {
  if ("problem" in read) throw new Error(`${file} ${read.problem}`);
  return read.text;
}
