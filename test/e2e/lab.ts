import assert from "node:assert/strict";
import { type ChildProcess, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument, type Document, type YAMLMap } from "yaml";

/** Root of the repository. */
export const root = join(__dirname, "../..");
/** The cluster file in use. */
export const clusterFile = join(root, ".lab/cluster.yaml");

export interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both outputs, as a user would see them. */
  readonly output: string;
}

/** Runs a bash command in the lab's environment (`.lab/env`). Never throws on a failing command. */
export function run(
  command: string,
  { input, seconds = 300 }: { input?: string; seconds?: number } = {},
): Result {
  const script = `set -o pipefail; . .lab/env; ${command}`;
  const result = spawnSync("bash", ["-c", script], {
    cwd: root,
    encoding: "utf8",
    input: input ?? "",
    timeout: seconds * 1000,
    maxBuffer: 64 * 1024 * 1024,
  });
  const { stdout, stderr } = result;
  return { status: result.status ?? -1, stdout, stderr, output: stdout + stderr };
}

/** Runs a command that must succeed; what it printed is the error's text otherwise. */
export function must(command: string, options?: Parameters<typeof run>[1]): string {
  const result = run(command, options);
  if (result.status !== 0)
    throw new Error(`${command} ended with ${result.status}:\n${result.output}`);
  return result.stdout;
}

export const kubectl = (args: string, input?: string) => must(`kubectl ${args}`, { input });
export const json = <T>(command: string): T => JSON.parse(must(command)) as T;

/** Runs a command as root on a machine of the lab. */
export function on(node: string, command: string): Result {
  return run(`lab/ssh ${node} bash -s`, { input: command });
}

const unattended = "--yes --skip-preview --suppress-progress --non-interactive --parallel 32";
/** `pulumi up` without questions, as a command. */
export const upCommand = `pulumi up ${unattended}`;
/** `pulumi destroy` without questions, as a command. */
export const destroyCommand = `pulumi destroy ${unattended}`;

export const up = (args = "") => run(`${upCommand} ${args}`, { seconds: 900 });
/** `up` that must succeed, and after which a preview shows nothing. Answers which steps ran. */
export function settle(): string[] {
  const result = up();
  assert.equal(result.status, 0, result.output);
  const after = preview("--expect-no-changes");
  assert.equal(after.status, 0, after.output);
  return stepsOf(result);
}

/** Which steps an `up` ran. */
export const stepsOf = ({ stdout }: Result): string[] =>
  [...stdout.matchAll(/command:remote:Command (\S+) (?:created|updated|deleted)/g)].map(
    ([, name]) => name ?? "",
  );

/** {@link settle} for a cluster with Kubernetes, whose kubeconfig it fetches. */
export function converge(): string[] {
  const ran = settle();
  must('pulumi stack output --show-secrets kubeconfig >"$KUBECONFIG"');
  return ran;
}

export const preview = (args = "") =>
  run(`pulumi preview --non-interactive ${args}`, { seconds: 300 });

/** Repeats `check` until it no longer throws. */
export async function eventually<T>(check: () => T | Promise<T>, seconds = 60): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

const clients = new Set<ChildProcess>();
process.once("exit", () => clients.forEach((child) => child.kill("SIGKILL")));

/** Has a client end with its suite, at the latest: one whose case failed would go on and load the machine for hours. */
export function endWithSuite(child: ChildProcess): ChildProcess {
  clients.add(child);
  return child;
}

/** A list in any order. */
export const shuffled = <T>(list: readonly T[]) =>
  list
    .map((one) => ({ one, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);

/** Edits the cluster file in use, and returns what puts it back. */
export function editCluster(edit: (file: Document) => void): () => void {
  const original = readFileSync(clusterFile, "utf8");
  const document = parseDocument(original);
  edit(document);
  writeFileSync(clusterFile, document.toString({ lineWidth: 0 }));
  return () => writeFileSync(clusterFile, original);
}

/** Takes a node's entry out of the cluster file in use, and returns what puts it back. */
export const without = (name: string) =>
  editCluster((file) => {
    const nodes = file.get("nodes") as { items: YAMLMap[] };
    nodes.items = nodes.items.filter((node) => node.get("name") !== name);
  });

/** Sets a field of a node's entry in a cluster file, or takes it out. */
export function setField(file: Document, name: string, field: string, value?: unknown): void {
  const nodes = file.get("nodes") as { items: YAMLMap[] };
  const node = nodes.items.find((node) => node.get("name") === name);
  assert.ok(node, `${name} is not in the file`);
  if (value === undefined) node.delete(field);
  else node.set(field, value);
}

/** The same in the cluster file in use; returns what puts the file back. */
export const setNode = (name: string, field: string, value?: unknown) =>
  editCluster((file) => setField(file, name, field, value));
