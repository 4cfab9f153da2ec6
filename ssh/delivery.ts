import { heredoc, inbox, inboxBeside, kept, type Part } from "../steps/program";
import { lastWords } from "./report";
import type { Wire } from "./wire";

/** What a step needs on its machine beside what it is given on standard input. */
export interface Delivery {
  /** Name of the step's resource. */
  readonly name: string;
  readonly parts: readonly Part[];
  /** Whether its parts stay in memory there, and go with the step. */
  readonly inMemory: boolean;
}

const lock = "/var/lib/cluster-state/lock";
/** What a machine ends with that is not the cluster's. */
const foreign = 3;

/** A program that puts texts into a folder, each whole or not at all, for root alone. Few processes, many texts. */
function store(folder: string, texts: ReadonlyMap<string, string>, synced: boolean): string {
  const each = [...texts].map(([name, text]) => heredoc(`put ${name}`, text));
  return [
    `into=${folder}`,
    'new="$into.new.$$"',
    `trap 'rm -rf "$new"' EXIT`,
    // Who goes takes empty folders along, also one that another operator is about to need.
    'install -d -m 0700 "$into" "$new" 2>/dev/null || install -d -m 0700 "$into" "$new"',
    `put() { IFS= read -r -d '' text || true; printf %s "$text" >"$new/$1"; }`,
    ...each,
    ...(synced ? ['sync "$new"/*'] : []),
    'mv -ft "$into" "$new"/*',
    'rmdir "$new"',
    "trap - EXIT",
    "",
  ].join("\n");
}

/**
 * Brings to a machine what a step needs there and it does not have. A machine that the cluster does not hold gets nothing but
 * what stays in memory and is no secret: it may have been given to another cluster since.
 *
 * @param clusterId whose lock the machine has to have
 * @param secrets its texts that are secret, by their digest
 * @param others what the machine's other steps need: what stays there comes together, in one go
 * @throws Error that names the node and what to do
 */
export async function bring(
  wire: Wire,
  step: Delivery,
  secrets: ReadonlyMap<string, string>,
  others: Iterable<Delivery>,
  clusterId: string,
): Promise<void> {
  const there = await wire.parts();
  const lasting = step.inMemory ? [] : [step, ...others].filter(({ inMemory }) => !inMemory);
  const missing = new Map(
    lasting
      .flatMap(({ parts }) => parts)
      .filter(({ name }) => !there.has(name))
      .map(({ name, text }) => [name, text]),
  );
  const own = new Map([
    ...(step.inMemory ? step.parts.map(({ name, text }) => [name, text] as const) : []),
    ...secrets,
  ]);
  if (missing.size === 0 && own.size === 0) return;
  const into = step.inMemory ? inboxBeside(step.name, clusterId) : inbox(step.name);
  const program = [
    "main() {",
    "set -eu",
    "umask 077",
    ...(step.inMemory ? [] : [`grep -qsxF cluster_id=${clusterId} ${lock} || exit ${foreign}`]),
    ...(missing.size > 0 ? [store(kept, missing, true)] : []),
    ...(own.size > 0 ? [`rm -rf ${into}`, store(into, own, false)] : []),
    "}",
    "main </dev/null",
    "",
  ].join("\n");
  const { status, errors } = await wire.run(program, 60);
  const { name, ssh } = wire.node;
  if (status === foreign && !step.inMemory) {
    throw new Error(
      `\ngroundwork: ${name} (${ssh.host}) is not this cluster's: its lock (${lock}) is gone or names another; nothing was brought there for ${step.name}\n` +
        `  what to do: if the machine was cleared, raise its generation in the file, so that it is examined and taken again; ` +
        `if it is another cluster's now, set lost: true. Then run 'pulumi up' again`,
    );
  }
  if (status !== 0) {
    const words = lastWords(errors);
    throw new Error(
      `\ngroundwork: ${name} (${ssh.host}) does not take what ${step.name} needs there: ${words}\n` +
        `  what to do: see what is wrong with its file systems (/var/lib/groundwork, /run); then run 'pulumi up' again`,
    );
  }
  for (const name of missing.keys()) there.add(name);
}
