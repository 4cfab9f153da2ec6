import { belongsTo, identities, withoutIdentity } from "./identity";
import type { Graph, Registration } from "./record";

const introduction = `# What the program registers for this sample cluster, a line a resource; 'make golden' writes it anew.
# Behind 'after' stands whom a resource waits for, without those whom these wait for anyway.
# Nodes that differ in nothing but name, address and host key are described once.
`;

/** Which resources there are, which is part of which, who waits for whom, and the options that change what Pulumi does. */
export function describeTopology(graph: Graph): string {
  const nodes = identities(graph);
  const names = new Map(graph.resources.map((r) => [r.urn, label(graph, r)]));
  const after = waitsFor(graph);
  const lines = (mine: readonly Registration[]) =>
    mine.map((r) => `${describe(r, names, after.get(r.urn) ?? [])}\n`).sort();
  const described = new Map<string, string>();
  const own = nodes.map((node) => {
    const text = lines(graph.resources.filter((r) => belongsTo(nodes, r) === node)).join("");
    const kind = withoutIdentity(text, node);
    const like = described.get(kind);
    if (like !== undefined) return `# ${node.name} is like ${like}.\n`;
    described.set(kind, node.name);
    return text;
  });
  const shared = lines(graph.resources.filter((r) => !belongsTo(nodes, r)));
  return [introduction, shared.join(""), ...own].join("\n");
}

/** `tls:index/privateKey:PrivateKey` -> `tls:PrivateKey`. */
const shortType = (type: string) => type.replace(/:index\/\w+:/, ":");

/** A resource's name, with its type where another one has the same name. */
function label({ resources }: Graph, { urn, name, type }: Registration): string {
  const alone = !resources.some((other) => other.name === name && other.urn !== urn);
  return alone ? name : `${name} ${type.split(":").at(-1)}`;
}

/** For each resource those it waits for directly: the shortest list from which the same order follows. */
function waitsFor({ resources }: Graph): Map<string, string[]> {
  const direct = new Map(resources.map((r) => [r.urn, r.dependsOn]));
  const behind = new Map<string, ReadonlySet<string>>();
  const all = (urn: string): ReadonlySet<string> => {
    const known = behind.get(urn);
    if (known) return known;
    const next = direct.get(urn) ?? [];
    const found = new Set(next.flatMap((other) => [other, ...all(other)]));
    behind.set(urn, found);
    return found;
  };
  return new Map(
    resources.map(({ urn, dependsOn }) => [
      urn,
      dependsOn.filter((one) => !dependsOn.some((other) => other !== one && all(other).has(one))),
    ]),
  );
}

/** The Kubernetes SDK adds the former versions of a type's API. */
const isOurs = (alias: string) => !/^type=kubernetes:\S+$/.test(alias);

function describe(
  resource: Registration,
  names: ReadonlyMap<string, string>,
  after: readonly string[],
): string {
  const { type, name, parent, hooks, hooksBefore, provider } = resource;
  const short = (urn: string) => names.get(urn) ?? urn;
  const list = (title: string, texts: readonly string[]) =>
    texts.length > 0 ? [`${title} ${[...texts].sort().join(", ")}`] : [];
  const { create, update } = hooksBefore;
  const alike = create.join() === update.join();
  return [
    `${name} (${shortType(type)})${parent ? ` in ${short(parent)}` : ""}`,
    ...list("after", after.map(short)),
    ...(resource.protect ? ["protect"] : []),
    ...(resource.retainOnDelete ? ["retainOnDelete"] : []),
    ...list("deletedWith", resource.deletedWith ? [short(resource.deletedWith)] : []),
    ...list("ignoreChanges", resource.ignoreChanges),
    ...list("aliases", resource.aliases.filter(isOurs).map(short)),
    ...list("provider", provider ? [short(provider.replace(/::[^:]+$/, ""))] : []),
    ...(alike
      ? list("before", create)
      : [...list("before create", create), ...list("before update", update)]),
    ...list("on error", hooks),
  ].join("; ");
}
