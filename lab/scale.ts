/**
 * Grows a cluster and measures, at each size, what one more worker costs; writes docs/scale.md.
 *
 *   scale.ts [SIZE...]    numbers of nodes, growing; default: 5 20 50
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { host, output, readyTime, type Span, timedUp } from "./measure";

const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [5, 20, 50];
const masters = 3;
/** How many machines are switched on together. */
const booting = 6;

const name = (role: "master" | "worker", index: number) =>
  `${role}-${String(index).padStart(2, "0")}`;

/** Boots the machines of a cluster of `size` nodes that do not run yet, and writes the cluster file in use. */
function boot(size: number): void {
  const nodes = [
    ...Array.from({ length: masters }, (_, i) => ({
      name: name("master", i + 1),
      ip: `10.77.0.${11 + i}`,
      roles: ["master"],
    })),
    ...Array.from({ length: size - masters }, (_, i) => ({
      name: name("worker", i + 1),
      ip: `10.77.0.${21 + i}`,
      roles: ["worker"],
    })),
  ];
  const cluster = {
    name: "lab",
    kubernetes: { version: "1.36.3" },
    networking: { pod_cidr: "10.244.0.0/16", service_cidr: "10.96.0.0/16", plugin: "flannel" },
    preflight: { allow: ["cgroup-v1"] },
  };
  // JSON is YAML.
  writeFileSync(".lab/scale.yaml", JSON.stringify({ cluster, nodes }));
  output("lab/nodes.sh up .lab/scale.yaml");
}

interface Measured {
  readonly size: number;
  readonly noChanges: number;
  readonly add: number;
  readonly ready: number;
  readonly steps: readonly string[];
  readonly remove: number;
}

const secondsOf = async (work: () => unknown): Promise<number> => {
  const start = Date.now();
  await work();
  return (Date.now() - start) / 1000;
};

const commands = (spans: Map<string, Span>) =>
  [...spans].flatMap(([name, { type }]) => (type.startsWith("command:") ? [name] : []));

/** One worker more and less, in a cluster of `size` nodes. */
async function measure(size: number): Promise<Measured> {
  const noChanges = await secondsOf(() =>
    output("pulumi preview --non-interactive --expect-no-changes"),
  );
  boot(size + 1);
  const start = Date.now();
  const spans = await timedUp(start);
  const add = (Date.now() - start) / 1000;
  const newest = name("worker", size + 1 - masters);
  const ready = readyTime(newest, start);
  boot(size);
  const remove = await secondsOf(() => timedUp(Date.now()));
  output(`lab/node wipe ${newest}`);
  return { size, noChanges, add, ready, steps: commands(spans), remove };
}

const row = ({ size, noChanges, add, ready, steps, remove }: Measured) =>
  `| ${size} | ${noChanges.toFixed(1)} | ${steps.length} | ${ready.toFixed(0)} | ${add.toFixed(1)} | ${remove.toFixed(1)} |`;

async function main(): Promise<void> {
  const measured: Measured[] = [];
  const grown: string[] = [];
  let nodes = 0;
  for (const size of sizes) {
    for (let some = nodes; some < size;)
      boot((some = Math.min(size, Math.max(some, masters) + booting)));
    const seconds = await secondsOf(() => timedUp(Date.now()));
    grown.push(`from ${nodes} to ${size} nodes in ${seconds.toFixed(0)} s`);
    console.log(grown.at(-1));
    // What workers do by themselves would compete with what is measured on the same host.
    for (let i = Math.max(nodes - masters, 0) + 1; i <= size - masters; i++)
      output(`lab/node pause ${name("worker", i)}`);
    nodes = size;
    const result = await measure(size);
    console.log(row(result));
    measured.push(result);
  }
  const text = `# What one more node costs

Written by \`make scale\`: real machines, all on one host, three of them masters. At each size one worker is added by an
entry in the file, and taken out again. All other workers hang meanwhile, so that the host is free for what is measured;
that it succeeds shows that none of them is asked.

Measured on ${host}, which run the masters, the new node, the mirror and Pulumi.

| nodes | preview without changes (s) | steps run for one more worker | it is Ready after (s) | \`pulumi up\` (s) | taking it out (s) |
|---:|---:|---:|---:|---:|---:|
${measured.map(row).join("\n")}

The cluster itself grew ${grown.join(", ")}.
`;
  writeFileSync(join(__dirname, "../docs/scale.md"), text);
  console.log(text);
}

void main();
