import { type ClusterFacts, clusterType } from "../../policies/facts";
import { readProgram } from "./program";
import { type Graph, type Registration, reveal } from "./record";

/** What makes two nodes of one kind different: what it is called, and what it is. */
export type Identity = Readonly<Record<string, string>> & { readonly name: string };

/** The nodes of a cluster by name, those that are lost too. */
export function identities({ resources }: Graph): Identity[] {
  const cluster = resources.find(({ type }) => type === clusterType);
  const { nodes = [] } = (cluster?.inputs ?? {}) as Partial<ClusterFacts>;
  const found = resources.flatMap(({ name: resource, inputs }) => {
    const { hostKey } = (reveal(inputs.keepers) ?? {}) as { hostKey?: string };
    if (hostKey === undefined) return [];
    const name = resource.replace(/-identity$/, "");
    const ip = nodes.find((node) => node.name === name)?.ip;
    return [{ name, hostKey, ...(ip === undefined ? {} : { ip }), ...osdOf(name, resources) }];
  });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The sample clusters' nodes have one OSD at most. */
function osdOf(node: string, resources: readonly Registration[]): Record<string, string> {
  const prefix = `ceph-${node}-osd-`;
  const step = resources.find(({ name, inputs }) => name.startsWith(prefix) && "stdin" in inputs);
  if (step === undefined) return {};
  const { DEVICE = "", OSD_UUID = "" } = readProgram(reveal(step.inputs.stdin) as string).variables;
  if (DEVICE === "") return {};
  return { device: DEVICE, osd: step.name.slice(prefix.length), osdUuid: OSD_UUID };
}

/** The node a resource is one of; none for those of the whole cluster. */
export function belongsTo(nodes: readonly Identity[], { name }: Registration) {
  return nodes.find((node) => new RegExp(`^(pki-|ceph-)?${node.name}(-|$)`).test(name));
}

/** A text as it would be for any node of the kind. */
export function withoutIdentity(text: string, node: Identity | undefined): string {
  const part = (value: string) =>
    new RegExp(`(?<!\\w|\\d\\.)${value.replaceAll(/[.+]/g, "\\$&")}(?!\\w)`, "g");
  return Object.entries(node ?? {}).reduce(
    (text, [key, value]) => text.replace(part(value), `<${key}>`),
    text,
  );
}
