import { parse } from "yaml";
import { belongsTo, identities, type Identity, withoutIdentity } from "./identity";
import { partsOf, yaml } from "./parts";
import { type Graph, redact } from "./record";
import { samples } from "./samples";

/** The sample clusters, the plainest first: others are told from them. */
export const order = ["small", ...samples.filter((name) => name !== "small")];

/** Nodes that are shown in full, and names of others that differ from these; any other is called by cluster and name. */
const whole: Readonly<Record<string, string>> = {
  "small cluster": "cluster",
  "small master-01": "first-master",
  "small worker-01": "worker",
  "storage store-01": "storage",
};
const called: Readonly<Record<string, string>> = {
  ...whole,
  "small master-02": "another-master",
  "single node-01": "single",
};

/** What a node carries, or what belongs to the cluster as a whole. */
interface Kind {
  readonly name: string;
  /** Path -> text; in a path, too, the node's name is `<name>`. */
  readonly parts: ReadonlyMap<string, string>;
  /** The same as it would be for any node of the kind. */
  readonly anonymous: ReadonlyMap<string, string>;
}

/** What one kind has otherwise than another, and what it does not have. */
interface Difference {
  readonly own: readonly string[];
  readonly missing: readonly string[];
}

/**
 * What the resources of the sample clusters carry, as files: path -> text. Each kind of node stands in a folder: those
 * above in full, every other one with what it has otherwise than the one most like it, which `kinds.txt` names.
 */
export function describeContents(graphs: ReadonlyMap<string, Graph>): Map<string, string> {
  const files = new Map<string, string>();
  const kinds: Kind[] = [];
  const lines = [...graphs].flatMap(([sample, graph]) => {
    const nodes = identities(graph);
    return [undefined, ...nodes].map((node) => {
      const id = `${sample} ${node?.name ?? "cluster"}`;
      const mine = graph.resources.filter((r) => belongsTo(nodes, r) === node);
      const parts = partsOf(mine, node, sample);
      if (node === undefined) parts.set("outputs.yaml", yaml(outputsOf(graph)));
      const kind = kindOf(called[id] ?? id.replace(" ", "-"), parts, node);
      const base = id in whole ? undefined : mostLike(kind, kinds);
      const { own, missing } = difference(kind, base);
      if (base && own.length + missing.length === 0) return `${id}: ${base.name}\n`;
      kinds.push(kind);
      for (const [path, text] of filesOf(kind, own))
        files.set(`${kind.name}/${path.replace("<name>", node?.name ?? "")}`, text);
      if (base === undefined) return `${id}: ${kind.name}\n`;
      const without = missing.map((path) => `  without ${path}\n`);
      return `${id}: ${base.name}, but for what ${kind.name} has\n${without.join("")}`;
    });
  });
  return files.set("kinds.txt", lines.join(""));
}

/** The stack's outputs; of what a machine is, which the recorder made up, only what is told of it. */
function outputsOf({ outputs }: Graph): unknown {
  const shorten = (key: string, value: unknown) =>
    key === "facts" ? Object.keys(value as object).join(" ") : value;
  return JSON.parse(JSON.stringify(redact(outputs), shorten));
}

function kindOf(
  name: string,
  parts: ReadonlyMap<string, string>,
  node: Identity | undefined,
): Kind {
  const anonymous = [...parts].map(([path, text]) => [path, withoutIdentity(text, node)] as const);
  return { name, parts, anonymous: new Map(anonymous) };
}

/** The files of these parts: what resources are told is little, and stands in one. */
function filesOf({ parts }: Kind, paths: readonly string[]): [string, string][] {
  const resources: Record<string, unknown> = {};
  const files = paths.flatMap((path): [string, string][] => {
    const text = parts.get(path) ?? "";
    const resource = /^resources\/(.+)\.yaml$/.exec(path)?.[1];
    if (resource === undefined) return [[path, text]];
    resources[resource] = parse(text);
    return [];
  });
  return paths.length > files.length ? [...files, ["resources.yaml", yaml(resources)]] : files;
}

function difference({ anonymous }: Kind, base: Kind | undefined): Difference {
  const there = base?.anonymous ?? new Map<string, string>();
  return {
    own: [...anonymous.keys()].filter((path) => there.get(path) !== anonymous.get(path)).sort(),
    missing: [...there.keys()].filter((path) => !anonymous.has(path)).sort(),
  };
}

/** The kind from which the fewest lines tell another one; none when it is told best by itself. */
function mostLike(kind: Kind, kinds: readonly Kind[]): Kind | undefined {
  const cost = (base: Kind | undefined) => {
    const { own, missing } = difference(kind, base);
    const lines = own.map((path) => kind.parts.get(path)?.split("\n").length ?? 0);
    // Who has to think away much of another kind is not told anything by it.
    return lines.reduce((sum, n) => sum + n, 3 * missing.length);
  };
  return kinds.reduce<Kind | undefined>(
    (best, base) => (cost(base) < cost(best) ? base : best),
    undefined,
  );
}
