import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Run, Turn } from "./events";

/** Where a resource's turn is drawn, and as what. */
interface Bar extends Turn {
  /** What it does, without the machine's name. */
  readonly label: string;
  /** Decides its colour. */
  readonly kind: string;
}

interface Group {
  readonly name: string;
  readonly bars: readonly Bar[];
  /** Between the steps of a machine nothing runs on it: for whom it waited then. */
  readonly waits: readonly {
    readonly begin: number;
    readonly end: number;
    readonly after: string;
  }[];
}

/** What the page is made of. */
export interface PageData {
  readonly began: number;
  readonly lasted: number;
  readonly unchanged: number;
  readonly groups: readonly Group[];
}

/** Shorter ones are the engine's own work between two steps. Seconds. */
const leastWait = 0.5;

/** Of a step's name, as it stands in `steps/`, the kind that it is of. */
const kinds: readonly (readonly [RegExp, string])[] = [
  [/^(preflight|claim)$/, "examine"],
  [/^prepare$/, "prepare"],
  [/^credentials$/, "credentials"],
  [/^(genesis|etcd|etcd-genesis)$/, "etcd"],
  [/^control-plane$/, "control plane"],
  [/^(kubelet|admit)$/, "node"],
  [/^(ceph|osd|mon)\b/, "Ceph"],
];

/** The turns of a run by the machines that they are about, and then those that are about none. */
export function pageData({ began, lasted, unchanged, turns, machines }: Run): PageData {
  const groups = new Map<string, Bar[]>([...machines, ...apart].map((name) => [name, []]));
  for (const turn of [...turns].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const { group, label, kind } = placeOf(turn, machines);
    const bars = groups.get(group) ?? [];
    groups.set(group, [...bars, { ...turn, label, kind }]);
  }
  return {
    began,
    lasted,
    unchanged,
    groups: [...groups]
      .filter(([, bars]) => bars.length > 0)
      .map(([name, bars]) => ({
        name,
        bars,
        waits: machines.includes(name) ? waitsOf(bars, turns) : [],
      })),
  };
}

/** What is no machine's, in the order of the page. */
const apart = ["the cluster", "in Kubernetes", "made by Pulumi"] as const;
const [ofCluster, inKubernetes, byPulumi] = apart;

function placeOf({ name, type }: Turn, machines: readonly string[]) {
  if (type.startsWith("kubernetes:"))
    return { group: inKubernetes, label: name, kind: "Kubernetes" };
  if (!type.startsWith("command:")) return { group: byPulumi, label: name, kind: "keys" };
  // Of two machines of which one's name begins with the other's, the longer.
  const [machine] = machines
    .filter((one) => `-${name}-`.includes(`-${one}-`))
    .sort((a, b) => b.length - a.length);
  const label = machine === undefined ? name : withoutMachine(name, machine);
  const kind = kinds.find(([pattern]) => pattern.test(label))?.[1] ?? "other";
  return { group: machine ?? ofCluster, label, kind };
}

/** `master-01-kubelet` is the kubelet of master-01, `ceph-master-01-mon` its ceph-mon. */
function withoutMachine(name: string, machine: string): string {
  const at = `-${name}-`.indexOf(`-${machine}-`);
  return [name.slice(0, Math.max(0, at - 1)), name.slice(at + machine.length + 1)]
    .filter((part) => part !== "")
    .join("-");
}

function waitsOf(bars: readonly Bar[], turns: readonly Turn[]): Group["waits"] {
  let busy = bars[0]?.end ?? 0;
  return bars.slice(1).flatMap(({ begin, end }) => {
    const since = busy;
    busy = Math.max(busy, end);
    if (begin - since < leastWait) return [];
    const before = turns.filter((turn) => turn.end <= begin).sort((a, b) => b.end - a.end)[0];
    return [{ begin: since, end: begin, after: before?.name ?? "" }];
  });
}

/** One file that needs no other. */
export function renderPage(data: PageData): string {
  // In a script element nothing may look like its end.
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  return readFileSync(join(__dirname, "page.html"), "utf8").replace('"DATA"', () => json);
}
