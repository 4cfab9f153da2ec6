/**
 * Runs `pulumi up`, notes when each step begins and ends and when each node is Ready, and writes docs/performance.md.
 */
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const arguments_ = [
  "up",
  "--yes",
  "--skip-preview",
  "--suppress-progress",
  "--non-interactive",
  "--parallel",
  "32",
];

interface Span {
  begin: number;
  end: number;
}

/** Seconds from `start` at which each resource began and ended, by name. */
async function timedUp(start: number): Promise<Map<string, Span>> {
  const spans = new Map<string, Span>();
  const child = spawn("pulumi", arguments_, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) {
    const now = (Date.now() - start) / 1000;
    const [, name, what] = / \+ +\S+ (\S+) (creating|created)/.exec(line) ?? [];
    if (name === undefined) continue;
    const span = spans.get(name) ?? { begin: now, end: now };
    spans.set(name, what === "created" ? { ...span, end: now } : span);
  }
  const status =
    child.exitCode ??
    (await new Promise<number>((resolve) => child.on("exit", (code) => resolve(code ?? 1))));
  if (status !== 0) throw new Error(`pulumi up ended with ${status}`);
  return spans;
}

interface KubeNode {
  metadata: { name: string };
  status: { conditions: { type: string; lastTransitionTime: string }[] };
}

function output(command: string): string {
  const result = spawnSync("bash", ["-c", command], { encoding: "utf8", maxBuffer: 1 << 26 });
  if (result.status !== 0) throw new Error(`${command}: ${result.stderr}`);
  return result.stdout;
}

/** Seconds from `start` at which each node was Ready; Kubernetes notes whole seconds, so this may be up to one too late. */
function readyTimes(start: number): Map<string, number> {
  output('pulumi stack output --show-secrets kubeconfig >"$KUBECONFIG" && chmod 600 "$KUBECONFIG"');
  const { items } = JSON.parse(output("kubectl get nodes -o json")) as { items: KubeNode[] };
  return new Map(
    items.map(({ metadata, status }) => {
      const ready =
        status.conditions.find(({ type }) => type === "Ready")?.lastTransitionTime ?? "";
      return [metadata.name, (Date.parse(ready) + 1000 - start) / 1000];
    }),
  );
}

/** The stages a reader thinks in, each the span over all resources whose name fits. */
const stages: readonly (readonly [string, RegExp])[] = [
  ["identities, keys and certificates", /^(cluster-id|pki|.*-(identity|token|token-id)$)/],
  ["preflight, all machines", /-preflight$/],
  ["claim, all machines", /-claim$/],
  ["prepare: programs and containerd, all machines", /-prepare$/],
  ["credentials, all machines", /-credentials$/],
  ["etcd is born", /^etcd-genesis$/],
  ["first control plane", /^master-01-control-plane$/],
  ["rights and CoreDNS", /^addons/],
  ["second and third member of etcd", /^master-0[23]-etcd$/],
  ["second and third control plane", /^master-0[23]-control-plane$/],
  ["kubelets, all nodes", /-kubelet$/],
  ["admission, all nodes", /-admit$/],
];

function table(spans: Map<string, Span>, ready: Map<string, number>, total: number): string {
  const rows = stages.map(([title, pattern]) => {
    const own = [...spans].filter(([name]) => pattern.test(name)).map(([, span]) => span);
    const begin = Math.min(...own.map((span) => span.begin));
    const end = Math.max(...own.map((span) => span.end));
    return `| ${title} | ${begin.toFixed(1)} | ${end.toFixed(1)} | ${(end - begin).toFixed(1)} |`;
  });
  const last = Math.max(...ready.values());
  return [
    "| stage | begins (s) | ends (s) | takes (s) |",
    "|---|---:|---:|---:|",
    `| Pulumi engine, language host and program start | 0.0 | ${Math.min(...[...spans.values()].map((s) => s.begin)).toFixed(1)} | |`,
    ...rows,
    `| **all ${ready.size} nodes Ready** | | **${last.toFixed(0)}** | |`,
    `| \`pulumi up\` returns | | ${total.toFixed(1)} | |`,
  ].join("\n");
}

async function main(): Promise<void> {
  const start = Date.now();
  const spans = await timedUp(start);
  const total = (Date.now() - start) / 1000;
  const ready = readyTimes(start);
  const again = Date.now();
  output(`pulumi ${arguments_.join(" ")} --expect-no-changes`);
  const noop = (Date.now() - again) / 1000;
  const steps = [...spans]
    .filter(([name]) =>
      /-(preflight|claim|prepare|credentials|etcd|control-plane|kubelet|admit|genesis)$/.test(name),
    )
    .sort(([, a], [, b]) => a.begin - b.begin)
    .map(
      ([name, { begin, end }]) => `| ${name} | ${begin.toFixed(1)} | ${(end - begin).toFixed(1)} |`,
    );
  const text = `# How long it takes

Written by \`make bench\`: a first \`pulumi up\` of the lab's cluster (three masters, two workers) on bare machines;
artifacts are built, the machines are booted, and each downloads what it needs from the lab's mirror.

Measured on ${cpus().length} cores (${cpus()[0]?.model.trim() ?? "unknown"}) with ${Math.round(totalmem() / 2 ** 30)} GiB of memory, which run all five
nodes, the mirror, the registry and Pulumi itself.

${table(spans, ready, total)}

Ready, by node: ${[...ready].map(([name, at]) => `${name} ${at.toFixed(0)} s`).join(", ")} (Kubernetes notes whole seconds; these are upper bounds).

A second \`pulumi up\`, which changes nothing and connects to no machine, takes ${noop.toFixed(1)} s.

## Every step

| step | begins (s) | takes (s) |
|---|---:|---:|
${steps.join("\n")}
`;
  writeFileSync(join(__dirname, "../docs/performance.md"), text);
  console.log(text);
}

void main();
