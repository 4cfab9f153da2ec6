import { isRpcSecret } from "@pulumi/pulumi/runtime/rpc";
import { readFileSync } from "node:fs";
import { stringify } from "yaml";
import { type ClusterFacts, clusterType } from "../../policies/facts";
import { fingerprint, readProgram } from "./program";
import { sources } from "../../steps/program";
import { type Graph, redact, type Registration, reveal } from "./record";

const introduction = `# What the program registers for this sample cluster; 'make golden' writes it anew.
# Values that providers make are stand-ins ('cert-pki-ca-cert', 'SECRET-pki-ca-key'). What a step sends to a machine is
# taken apart: files and texts stand in full for the first master and the first other node, elsewhere as fingerprints.
# Nodes that differ in nothing but name, address and host key are described once.
`;

/** Program text stands as it is, however long its lines. */
const format = { lineWidth: 0, blockQuote: "literal" } as const;

/** What makes two nodes of one kind different. */
interface Identity {
  readonly name: string;
  readonly ip: string;
  readonly hostKey: string;
}

/** The graph as text for people: one paragraph for each resource, sorted, so that a diff shows what a change does. */
export function describeGraph(graph: Graph): string {
  const nodes = identities(graph);
  const ownerOf = ({ name }: Registration) =>
    nodes.find((node) => new RegExp(`^(pki-|ceph-)?${node.name}(-|$)`).test(name));
  const labels = new Map(graph.resources.map((r) => [r.urn, label(r)]));
  const describe = (resource: Registration, show: (text: string) => string) => {
    const details = { ...options(resource, labels), ...describeInputs(resource, show) };
    return stringify({ [`${label(resource)} (${resource.type})`]: details }, format);
  };
  const shared = graph.resources.filter((r) => !ownerOf(r)).map((r) => describe(r, fingerprint));

  const described = new Map<string, string>();
  const roles = new Set<string>();
  const own = nodes.flatMap((node) => {
    const resources = graph.resources.filter((r) => ownerOf(r) === node);
    const anonymous = (text: string) => fingerprint(withoutIdentity(text, node));
    const brief = resources.map((r) => describe(r, anonymous)).sort();
    const kind = withoutIdentity(brief.join("\n"), node);
    const like = described.get(kind);
    if (like !== undefined)
      return [`# ${node.name} (${node.ip}, ${node.hostKey}) is like ${like}.\n`];
    described.set(kind, node.name);
    const steps = resources.map(({ name }) => name.slice(node.name.length));
    const role = steps.includes("-control-plane") ? "master" : "other";
    if (roles.has(role)) return brief;
    roles.add(role);
    return resources.map((r) => describe(r, (text) => text)).sort();
  });
  const outputs = stringify({ outputs: redact(graph.outputs) }, format);
  return [introduction + scripts(graph), ...shared.sort(), ...own, outputs].join("\n");
}

const label = ({ type, name }: Registration) => `${name} ${type.split(":").at(-1)}`;
const isCommand = ({ type }: Registration) => type === "command:remote:Command";

function identities({ resources }: Graph): Identity[] {
  const cluster = resources.find(({ type }) => type === clusterType);
  const { nodes = [] } = (cluster?.inputs ?? {}) as Partial<ClusterFacts>;
  return nodes.map(({ name, ip }) => {
    const preflight = resources.find((r) => r.name === `${name}-preflight`);
    const { hostKey } = reveal(preflight?.inputs.connection) as { hostKey: string };
    return { name, ip, hostKey };
  });
}

function withoutIdentity(text: string, node: Identity): string {
  const part = (value: string) =>
    new RegExp(`(?<![\\w.])${value.replaceAll(/[.+]/g, "\\$&")}(?!\\w)`, "g");
  return Object.entries(node).reduce(
    (text, [key, value]: [string, string]) => text.replace(part(value), `<${key}>`),
    text,
  );
}

/** The scripts of all steps and the libraries they source, each with a fingerprint that no comment changes. */
function scripts({ resources }: Graph): string {
  const used = new Map<string, string>();
  const visit = (name: string) => {
    if (used.has(name)) return;
    const lines = readFileSync(sources.get(`${name}.sh`) ?? "", "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "" && !/^\s*#/.test(line));
    used.set(name, fingerprint(lines.join("\n")));
    for (const line of lines) {
      const library = /^\. "\$\(dirname "\$0"\)\/\.\.\/lib\/(.+)\.sh"$/.exec(line)?.[1];
      if (library !== undefined) visit(library);
    }
  };
  for (const { program } of resources.filter(isCommand)) {
    const { variables, undo } = readProgram(program);
    visit(variables.STEP ?? "");
    if (undo !== undefined) visit(undo);
  }
  const lines = [...used].sort().map(([name, hash]) => `#   scripts/${name}.sh ${hash}\n`);
  return `#\n# Scripts, without comments, by fingerprint:\n${lines.join("")}`;
}

function options(resource: Registration, labels: ReadonlyMap<string, string>) {
  const { parent, dependsOn, protect, deletedWith, retainOnDelete, ignoreChanges } = resource;
  const label = (urn: string) => labels.get(urn) ?? urn;
  return {
    ...(parent ? { parent: label(parent) } : {}),
    ...(dependsOn.length > 0 ? { after: dependsOn.map(label).sort() } : {}),
    ...(protect ? { protect } : {}),
    ...(deletedWith ? { deletedWith: label(deletedWith) } : {}),
    ...(retainOnDelete ? { retainOnDelete } : {}),
    ...(ignoreChanges.length > 0 ? { ignoreChanges: [...ignoreChanges].sort() } : {}),
  };
}

function describeInputs(resource: Registration, show: (text: string) => string) {
  const { inputs, program } = resource;
  const shown = redact(inputs) as Record<string, unknown>;
  if (!isCommand(resource)) return Object.keys(shown).length > 0 ? { inputs: shown } : {};
  const { variables, texts, files, undo } = readProgram(program);
  const each = (texts: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, show(text)]));
  return {
    inputs: {
      ...shown,
      connection: describeConnection(reveal(inputs.connection) as Record<string, unknown>),
      stdin: isRpcSecret(inputs.stdin) ? "[secret], as below" : "as below",
    },
    ...(undo === undefined ? {} : { undoneBy: `${undo}.sh` }),
    variables,
    ...(Object.keys(texts).length > 0 ? { texts: each(texts) } : {}),
    ...(Object.keys(files).length > 0 ? { files: each(files) } : {}),
  };
}

/** Everything about a connection but the key, which is the operator's. */
function describeConnection(connection: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(connection)
      .sort()
      .map(([key, value]) => {
        if (key === "privateKey") return [key, "[secret]"];
        const inner = typeof value === "object" && value !== null;
        return [key, inner ? describeConnection(value as Record<string, unknown>) : value];
      }),
  );
}
