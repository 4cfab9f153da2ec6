import { readdirSync, readFileSync } from "fs";
import { basename, join } from "path";

/** A file a step puts on a node: whole, with its final mode and owner. */
export interface NodeFile {
  readonly path: string;
  readonly content: string;
  /** Octal mode as four digits; default `0600`. */
  readonly mode?: string;
  /** `user:group`; default `root:root`. */
  readonly owner?: string;
}

export interface ProgramArgs {
  /** Name of the script that makes the step true: `kubelet` is `steps/kubelet/kubelet.sh`. */
  readonly create: string;
  /** Name of the script that undoes it; default: nothing to undo. */
  readonly delete?: string;
  /** Shell variables the scripts read. */
  readonly vars: Readonly<Record<string, string>>;
  /** Shell functions the scripts call, each printing a text: how values that are secret reach them. */
  readonly texts?: Readonly<Record<string, string>>;
  readonly files?: readonly NodeFile[];
}

/** Every script below this folder, by the name it has without its ending: where it stands. */
export const scriptPaths: ReadonlyMap<string, string> = new Map(
  readdirSync(__dirname, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.(sh|py)$/.test(path) && !path.includes("ceph-mgr/"))
    .map((path) => [basename(path).replace(/\.\w+$/, ""), join(__dirname, path)]),
);
const sourceLine = /^\. "\$\(dirname "\$0"\)\/\.\.\/lib\/(.+)\.sh"$/;
const end = "GROUNDWORK_END";

/** A shell word that stands for `text` and nothing else. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A script's lines without comments: a changed comment is no change to a node. */
function linesOf(name: string): string[] {
  return readFileSync(scriptPaths.get(name) ?? join(__dirname, `${name}.sh`), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s*#/.test(line));
}

/** A script's lines and the libraries it sources. */
function load(name: string): { lines: string[]; libraries: string[] } {
  const lines = linesOf(name);
  const libraries = lines.flatMap((line) => sourceLine.exec(line)?.[1] ?? []);
  return { lines: lines.filter((line) => !sourceLine.test(line)), libraries };
}

function heredoc(command: string, text: string): string {
  if (text.split("\n").includes(end)) throw new Error(`a text holds the line ${end}`);
  return `${command} <<'${end}'\n${text.endsWith("\n") ? text : text + "\n"}${end}`;
}

function installFiles(files: readonly NodeFile[]): string {
  const each = files.map(({ path, content, mode = "0600", owner = "root:root" }) =>
    heredoc(`stage ${quote(path)} ${mode} ${owner}`, content),
  );
  return ["install_files() {", ...each, "land", "}"].join("\n");
}

function assignments(vars: Readonly<Record<string, string>>): string[] {
  return Object.entries(vars).map(([name, value]) => `${name}=${quote(value)}`);
}

const inlined = (library: string) => load(library).lines;

/** A script as a program that stays on a node: variables and libraries are inside. */
export function renderScript(name: string, vars: Readonly<Record<string, string>>): string {
  const { lines, libraries } = load(name);
  return (
    ["#!/usr/bin/env bash", ...assignments(vars), ...libraries.flatMap(inlined), ...lines].join(
      "\n",
    ) + "\n"
  );
}

/** A Python program. */
export function renderPython(name: string): string {
  return [...linesOf(name), ""].join("\n");
}

/**
 * The bash program of a step, read by `bash -s -- create|delete` from its standard input. All of it is one function,
 * called in its last line: a connection that breaks while sending runs nothing.
 */
export function renderProgram(args: ProgramArgs): string {
  const create = load(args.create);
  const undo = args.delete === undefined ? undefined : load(args.delete);
  const libraries = [...new Set([...create.libraries, ...(undo?.libraries ?? [])])];
  return [
    "main() {",
    ...assignments(args.vars),
    ...libraries.flatMap(inlined),
    ...Object.entries(args.texts ?? {}).map(
      ([name, text]) => `${name}() {\n${heredoc("cat", text)}\n}`,
    ),
    installFiles(args.files ?? []),
    'case "$1" in',
    "create)",
    ...create.lines,
    ";;",
    ...(undo ? ["delete)", `STEP=${args.delete}`, ...undo.lines, ";;"] : []),
    "esac",
    "}",
    'main "$@" </dev/null',
    "",
  ].join("\n");
}
