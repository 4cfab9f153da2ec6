import { createHash } from "crypto";
import { readdirSync, readFileSync } from "fs";
import { basename, join } from "path";
import { plugins } from "../networks";

/** A script, a library or a file that steps install, as it lies on machines: by its name and a digest of its text. */
export interface Part {
  /** `kubelet.sh-0123456789abcdef`. */
  readonly name: string;
  readonly text: string;
}

/** A file of a step, known by its content or by the part that it is a copy of. */
export interface ProgramFile {
  readonly path: string;
  readonly mode?: string;
  readonly owner?: string;
  readonly content?: string;
  readonly part?: string;
  /** Digest of a content that travels apart. */
  readonly digest?: string;
  readonly constant?: boolean;
}

export interface ProgramArgs {
  /** Name of the resource that the step is: what travels apart waits in a folder of this name. */
  readonly name: string;
  readonly script: string;
  /** Beside those that it sources. */
  readonly libraries?: readonly string[];
  readonly undo?: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly files?: readonly ProgramFile[];
  /** Function -> text it prints. */
  readonly texts?: Readonly<Record<string, string>>;
  /** Whether nothing of it may stay on the machine, which may be another's; default false. */
  readonly onForeignMachine?: boolean;
  /** Function -> digest of the text it prints. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Folders of a machine: parts that stay there, and what came for one step and goes with it. */
export const kept = "/var/lib/groundwork/programs";
export const inbox = (step: string) => `/run/groundwork/in/${step}`;
/** The same where the machine may be another cluster's, whose operator may be at work there with a step of this name. */
export const inboxBeside = (step: string, clusterId: string) => `${inbox(step)}-${clusterId}`;

/** Every file below this folder and those of network plugins that may travel, by its name: where it stands. */
export const sources: ReadonlyMap<string, string> = new Map(
  [__dirname, ...Object.values(plugins).map(({ folder }) => folder)]
    .flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".ts"))
    .map(({ name, parentPath }) => [name, join(parentPath, name)]),
);
const sourceLine = /^\. "\$\(dirname "\$0"\)\/\.\.\/lib\/(.+\.sh)"$/;
const end = "GROUNDWORK_END";

/** A shell word that stands for `text` and nothing else. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What tells texts of this kind apart; of a key of 128 bits or more it tells nothing. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

interface Source {
  readonly part: Part;
  /** Names of the libraries it sources, in this order. */
  readonly libraries: readonly string[];
}

const known = new Map<string, Source>();

/** A file, read once, without comments: a changed comment is no change to a node. */
function source(name: string): Source {
  const found = known.get(name);
  if (found !== undefined) return found;
  const path = sources.get(name);
  if (path === undefined)
    throw new Error(`there is no ${name} below ${__dirname}, nor in a network plugin's folder`);
  const lines = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s*#(?!!)/.test(line));
  const text = lines.filter((line) => !sourceLine.test(line)).join("\n") + "\n";
  const made = {
    part: { name: `${name}-${digest(text)}`, text },
    libraries: lines.flatMap((line) => sourceLine.exec(line)?.[1] ?? []),
  };
  known.set(name, made);
  return made;
}

/** A file of a step as a part. */
export const part = (name: string): Part => source(name).part;

/** What a file is a copy of, where it is known without its content. */
function sourceOf({ path, part: name, constant, content }: ConstantFile): Part | undefined {
  if (name !== undefined) return part(name);
  if (!constant || typeof content !== "string") return undefined;
  return { name: `${basename(path)}-${digest(content)}`, text: content };
}

/** A file of which may be unknown what it holds. */
type ConstantFile = Pick<ProgramFile, "path" | "part" | "constant"> & {
  readonly content?: unknown;
};

/** A script and the libraries it runs with, those that it sources first, in the order in which they are read. */
export function scriptParts(script: string, libraries: readonly string[] = []): Part[] {
  const name = `${script}.sh`;
  return [...source(name).libraries, ...libraries, name].map(part);
}

/** Everything that has to lie on a machine for this step. */
export function partsOf({
  script,
  libraries,
  undo,
  files = [],
}: Pick<ProgramArgs, "script" | "libraries" | "undo"> & {
  readonly files?: readonly ConstantFile[];
}): Part[] {
  return [
    ...scriptParts(script, libraries),
    ...(undo === undefined ? [] : scriptParts(undo)),
    ...files.flatMap((file) => sourceOf(file) ?? []),
  ];
}

/** A command that gets a text, with a line end, on standard input. */
export function heredoc(command: string, text: string): string {
  if (text.split("\n").includes(end)) throw new Error(`a text holds the line ${end}`);
  return `${command} <<'${end}'\n${text.endsWith("\n") ? text : text + "\n"}${end}`;
}

/** @param inText whether the program has all of them in it, and none lies apart; default false */
function installFiles(files: readonly ProgramFile[], inText = false): string[] {
  if (files.length === 0) return ["install_files() { :; }"];
  const each = files.map((file) => {
    const { path, mode = "0600", owner = "root:root", content = "" } = file;
    const stage = `stage ${quote(path)} ${mode} ${owner}`;
    const source = sourceOf(file);
    if (source !== undefined)
      return inText ? heredoc(stage, source.text) : `${stage} <"$KEPT/${source.name}"`;
    if (file.digest !== undefined) return `${stage} <"$IN/${file.digest}"`;
    return heredoc(stage, content);
  });
  return ["install_files() {", ...each, "land", "}"];
}

/**
 * A reset whose scripts are gone: of a machine that was cleared by hand, or made anew, there is nothing to be taken off; one
 * that was cut short in the end has little left to do. What others mounted below its folder was left, and stays.
 */
const endReset = `if [ "$STEP" = reset ]; then
[ -e /var/lib/cluster-state/lock ] || exit 0
if ! ls -A /var/lib/cluster-state | grep -qvxE 'lock|before|nft-tables' && grep -qxF "cluster_id=$CLUSTER_ID" /var/lib/cluster-state/lock; then
rm -rf --one-file-system /var/lib/groundwork/programs
rmdir /var/lib/groundwork 2>/dev/null
rm -f /var/lib/cluster-state/before /var/lib/cluster-state/nft-tables
rm /var/lib/cluster-state/lock
rmdir /var/lib/cluster-state 2>/dev/null
exit 0
fi
fi`;

const uses = (script: string, libraries?: readonly string[]) =>
  `uses="\n${scriptParts(script, libraries)
    .map(({ name }) => name)
    .join("\n")}\n"`;

/**
 * What a step is given on its standard input: the bash program that `bash -s -- create|delete` reads. It says in plain
 * words with what and by which scripts, as they lie on the machine, and is what a preview compares. All of it is one
 * function, called in its last line: a connection that breaks while sending runs nothing.
 */
export function renderProgram(args: ProgramArgs): string {
  const { name, script, libraries, undo, variables, files = [] } = args;
  const { texts = {}, secrets = {} } = args;
  const folders = args.onForeignMachine
    ? ' && rmdir -p --ignore-fail-on-non-empty "${IN%/*}" 2>/dev/null'
    : "";
  return [
    "main() {",
    ...Object.entries(variables).map(([name, value]) => `${name}=${quote(value)}`),
    "QUIET=1",
    `KEPT=${kept}`,
    `IN=${args.onForeignMachine ? inboxBeside(name, "$CLUSTER_ID") : inbox(name)}`,
    "local uses= part at",
    ...Object.entries(texts).map(([name, text]) => `${name}() {\n${heredoc("cat", text)}\n}`),
    ...Object.entries(secrets).map(([name, digest]) => `${name}() { cat "$IN/${digest}"; }`),
    ...installFiles(files),
    'case "$1" in',
    `create) ${uses(script, libraries)} ;;`,
    ...(undo === undefined ? [] : [`delete) STEP=${undo} ${uses(undo)} ;;`]),
    "esac",
    `trap '[ ! -e "$IN" ] || { rm -rf "$IN"${folders}; }' EXIT`,
    "for part in $uses; do",
    "at=$IN/$part",
    '[ -s "$at" ] || at=$KEPT/$part',
    'if [ ! -s "$at" ]; then',
    ...(undo === "reset" ? [endReset] : []),
    'echo "',
    "groundwork: $STEP failed on $NODE ($NODE_IP): $at is gone",
    `  what to do: raise the generation of $NODE in the cluster file and run pulumi up; then go on" >&2`,
    "exit 1",
    "fi",
    '. "$at"',
    "done",
    "}",
    'main "$@" </dev/null',
    "",
  ].join("\n");
}

/** The same for a script that has no files and leaves nothing on the machine: all it runs is in it. */
export function renderAtOnce({
  script,
  variables,
}: Pick<ProgramArgs, "script" | "variables">): string {
  return [
    "main() {",
    ...Object.entries(variables).map(([name, value]) => `${name}=${quote(value)}`),
    "QUIET=1",
    ...scriptParts(script).map(({ text }) => text.trimEnd()),
    "}",
    'main "$@" </dev/null',
    "",
  ].join("\n");
}

/** The same for a script that runs where nothing else of ours is: its files are in it, too, and it tells what it does. */
export function renderAlone({
  script,
  variables,
  files = [],
}: Pick<ProgramArgs, "script" | "variables" | "files">): string {
  return [
    "#!/usr/bin/env bash",
    "main() {",
    ...Object.entries(variables).map(([name, value]) => `${name}=${quote(value)}`),
    ...installFiles(files, true),
    ...scriptParts(script).map(({ text }) => text.replace(/^#!.*\n/, "").trimEnd()),
    "}",
    "main </dev/null",
    "",
  ].join("\n");
}
