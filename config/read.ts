import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isAlias, parseDocument, visit } from "yaml";
import { crossCheck } from "./checks";
import type { ClusterDraft } from "./checks/types";
import { explain } from "./explain";
import { ClusterConfigError, formatPath, type Issue } from "./issues";
import { type ClusterFile, clusterFile } from "./schema";
import { asWritten, salvage } from "./schemaTree";

/** What a cluster file says, and what is wrong with it. */
export interface Examined {
  /** The whole file; absent when a value of it is invalid. */
  readonly file: ClusterFile | undefined;
  /** Its valid parts. */
  readonly draft: ClusterDraft;
  readonly issues: readonly Issue[];
}

/** A cluster file that is valid YAML. */
export interface ReadFile extends Examined {
  /** Folder of the file, where relative paths in it start. */
  readonly baseDir: string;
}

/**
 * Reads and examines a cluster file.
 * @throws ClusterConfigError when there is no file, or when it is not YAML: nothing can be said of its values then
 */
export function readClusterFile(path: string): ReadFile {
  const data = readData(path);
  const baseDir = dirname(resolve(path));
  return { ...examine(data, baseDir), baseDir };
}

/**
 * What a file in the form of a cluster file says, unexamined.
 * @throws ClusterConfigError as {@link readClusterFile}
 */
export const readData = (path: string): unknown => readYaml(readText(path), path);

/**
 * Examines what a cluster file says.
 * @param baseDir folder where relative paths start
 * @param whole the same with something valid wherever a value is not known yet: what is not there is judged later
 */
export function examine(data: unknown, baseDir: string, whole = data): Examined {
  const parsed = clusterFile.safeParse(whole);
  const draft = salvage(clusterFile, data) ?? {};
  const own = parsed.success ? [] : explain(clusterFile, whole, parsed.error.issues);
  // One problem a place: a checksum that is no checksum is not missing as well.
  const places = new Set(own.map((issue) => formatPath(issue.path)));
  const cross = crossCheck(draft, baseDir).filter((issue) => !places.has(formatPath(issue.path)));
  return { file: parsed.data, draft, issues: [...own, ...cross] };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message =
      code === "ENOENT"
        ? "there is no such file; write one (docs/cluster-yaml.md), or name another with `pulumi config set clusterFile`"
        : `it cannot be read: ${code}; give the path of a readable YAML file`;
    throw new ClusterConfigError(path, [{ path: [], message }]);
  }
}

function readYaml(text: string, path: string): unknown {
  const document = parseDocument(text, options);
  const issues = document.errors.map(({ code, message, linePos }) => {
    const [start] = linePos ?? [];
    const where = start ? `line ${start.line}, column ${start.col}: ` : "";
    if (code === "MULTIPLE_DOCS") {
      const what = "a second document begins there, and the file is one; remove the line ---";
      return { path: [], message: `${where}${what}, or put what follows into another file` };
    }
    const [rule = ""] = message.replace(/ at line \d+, column \d+:\n[\s\S]*$/, "").split("\n");
    return { path: [], message: `${where}${rule}; mend the YAML there` };
  });
  visit(document, {
    Alias(_, alias) {
      if (!isAlias(alias) || alias.resolve(document)) return;
      issues.push({
        path: [],
        message: `*${alias.source} names no anchor above it; write &${alias.source} before the value it stands for`,
      });
    },
  });
  if (issues.length === 0 && document.contents === null) {
    issues.push({ path: [], message: "it is empty; docs/cluster-yaml.md says what belongs in it" });
  }
  if (issues.length > 0) throw new ClusterConfigError(path, issues);
  const plain = parseDocument(text, { ...options, schema: "failsafe" });
  return asWritten(clusterFile, document.toJS(whole), plain.toJS(whole));
}

/** `<<: *worker` has the fields of another mapping. */
const options = { merge: true } as const;
/** However many nodes use an anchor: the file is the operator's own. */
const whole = { maxAliasCount: -1 };
