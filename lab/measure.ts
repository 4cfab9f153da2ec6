/** What the measurements share: an observed `pulumi up`, and the machine it was measured on. */
import { spawn, spawnSync } from "node:child_process";
import { cpus, totalmem } from "node:os";
import { createInterface } from "node:readline";

export const up = [
  "up",
  "--yes",
  "--skip-preview",
  "--suppress-progress",
  "--non-interactive",
  "--parallel",
  "32",
];

/** When a resource began and ended, in seconds. */
export interface Span {
  type: string;
  begin: number;
  end: number;
}

/** Runs `pulumi up`; answers the seconds from `start` at which each resource began and ended, by name. */
export async function timedUp(start: number): Promise<Map<string, Span>> {
  const spans = new Map<string, Span>();
  const child = spawn("pulumi", up, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const line of createInterface({ input: child.stdout })) {
    text += `${line}\n`;
    const now = (Date.now() - start) / 1000;
    const [, type, name, what] =
      / [+~-] +(\S+) (\S+) ((?:creat|updat|delet)(?:ing|ed))\b/.exec(line) ?? [];
    // A component begins with the program, and may have the name of its only step.
    if (type === undefined || name === undefined || what === undefined) continue;
    if (type.startsWith("groundwork:")) continue;
    const span = spans.get(name) ?? { type, begin: now, end: now };
    spans.set(name, what.endsWith("ed") ? { ...span, end: now } : span);
  }
  const status =
    child.exitCode ??
    (await new Promise<number>((resolve) => child.on("exit", (code) => resolve(code ?? 1))));
  if (status !== 0) throw new Error(`pulumi up ended with ${status}:\n${text}`);
  return spans;
}

/** What a command of the lab printed. */
export function output(command: string): string {
  const result = spawnSync("bash", ["-c", command], { encoding: "utf8", maxBuffer: 1 << 26 });
  if (result.status !== 0) throw new Error(`${command}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** The cluster's nodes, once all of them are Ready. */
export function readyNodes(): string[] {
  output('pulumi stack output --show-secrets kubeconfig >"$KUBECONFIG" && chmod 600 "$KUBECONFIG"');
  output("kubectl wait node --all --for=condition=Ready --timeout=60s");
  return output("kubectl get nodes -o jsonpath='{.items[*].metadata.name}'").split(" ");
}

/** Seconds from `start` at which a node's kubelet first said that it is Ready: Kubernetes itself notes whole seconds only. */
export function readyTime(node: string, start: number): number {
  const entry = output(
    `lab/ssh ${node} "journalctl --unit kubelet --output json --grep 'it just became ready'" | head -1`,
  );
  const { __REALTIME_TIMESTAMP: micros } = JSON.parse(entry) as Record<string, string>;
  return (Number(micros) / 1000 - start) / 1000;
}

/** `2 cores (…) with 24 GiB of memory`. */
export const host = `${cpus().length} cores (${cpus()[0]?.model.trim() ?? "unknown"}) with ${Math.round(totalmem() / 2 ** 30)} GiB of memory`;
