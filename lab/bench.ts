/**
 * Runs `pulumi up` and notes when each step begins and ends, when each node is Ready and when Ceph is healthy.
 *
 *   bench.ts --ready            prints the second by which all nodes were Ready
 *   bench.ts --beside SECONDS   writes docs/performance.md; SECONDS: what `--ready` said of the same nodes without Ceph
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { host, output, readyNodes, readyTime, type Span, timedUp, up } from "./measure";

/**
 * Seconds from `start` at which Ceph was healthy for good: its settings are as the file says, and no warning has ended
 * later. Fails when it is not healthy.
 */
function healthyTime(start: number, spans: Map<string, Span>): number {
  const ceph = (command: string) => output(`lab/ssh master-01 ceph ${command} 2>/dev/null`);
  const health = ceph("health detail");
  if (!health.startsWith("HEALTH_OK")) throw new Error(`Ceph is not healthy: ${health}`);
  const configured = spans.get("ceph-configure")?.end ?? NaN;
  const log = JSON.parse(ceph("log last 1000 info cluster --format json")) as {
    stamp: string;
    message: string;
  }[];
  const cleared = log.filter(({ message }) =>
    /^(Health check cleared|Cluster is now healthy)/.test(message),
  );
  return Math.max(configured, ...cleared.map(({ stamp }) => (Date.parse(stamp) - start) / 1000));
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
  ["Ceph's configuration and keys, all machines", /^ceph-(?!identity).*-(host|keys)$/],
  ["Ceph is born", /^ceph-genesis$/],
  ["Ceph's monitors and managers", /^ceph-(?!identity).*-mon$/],
  ["Ceph's OSDs", /^ceph-.*-osd-.*(?<!-key)$/],
  ["Ceph's settings, users, pools and dashboard", /^ceph-configure$/],
];

interface Measured {
  readonly spans: Map<string, Span>;
  readonly ready: Map<string, number>;
  /** Seconds until the same nodes were Ready without Ceph. */
  readonly bare: number;
  readonly healthy: number;
  readonly total: number;
}

function table({ spans, ready, bare, healthy, total }: Measured): string {
  const rows = stages.map(([title, pattern]) => {
    const own = [...spans].filter(([name]) => pattern.test(name)).map(([, span]) => span);
    const begin = Math.min(...own.map((span) => span.begin));
    const end = Math.max(...own.map((span) => span.end));
    return `| ${title} | ${begin.toFixed(1)} | ${end.toFixed(1)} | ${(end - begin).toFixed(1)} |`;
  });
  const last = Math.max(...ready.values());
  const difference = `${last < bare ? "" : "+"}${(((last - bare) / bare) * 100).toFixed(0)} %`;
  return [
    "| stage | begins (s) | ends (s) | takes (s) |",
    "|---|---:|---:|---:|",
    `| Pulumi engine, language host and program start | 0.0 | ${Math.min(...[...spans.values()].map((s) => s.begin)).toFixed(1)} | |`,
    ...rows,
    `| **all ${ready.size} nodes Ready** | | **${last.toFixed(0)}** | |`,
    `| the same nodes without Ceph (what Ceph makes of it: ${difference}) | | ${bare.toFixed(0)} | |`,
    `| **Ceph is HEALTH_OK** | | **${healthy.toFixed(0)}** | |`,
    `| \`pulumi up\` returns | | ${total.toFixed(1)} | |`,
  ].join("\n");
}

async function main(): Promise<void> {
  const start = Date.now();
  const spans = await timedUp(start);
  const total = (Date.now() - start) / 1000;
  const ready = new Map(readyNodes().map((node) => [node, readyTime(node, start)]));
  const [mode, seconds] = process.argv.slice(2);
  if (mode === "--ready") {
    console.log(Math.max(...ready.values()).toFixed(0));
    return;
  }
  const measured = {
    spans,
    ready,
    bare: Number(seconds),
    healthy: healthyTime(start, spans),
    total,
  };
  const again = Date.now();
  output(`pulumi ${up.join(" ")} --expect-no-changes`);
  const noop = (Date.now() - again) / 1000;
  const steps = [...spans]
    .filter(([, { type }]) => type.startsWith("command:"))
    .sort(([, a], [, b]) => a.begin - b.begin)
    .map(
      ([name, { begin, end }]) => `| ${name} | ${begin.toFixed(1)} | ${(end - begin).toFixed(1)} |`,
    );
  const text = `# How long it takes

Written by \`make bench\`: a first \`pulumi up\` of the lab's cluster (three masters, two workers) on bare machines;
artifacts are built, the machines are booted, a preview was read, and each machine downloads what it needs from the lab's
mirror.

Measured on ${host}, which run all five
nodes, the mirror, the registry and Pulumi itself.

${table(measured)}

Ready, by node: ${[...ready].map(([name, at]) => `${name} ${at.toFixed(0)} s`).join(", ")} (when its kubelet said so; Kubernetes notes whole seconds only).

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
