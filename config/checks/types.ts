import type { Issue } from "../issues";
import type { ClusterFile } from "../schema";
import type { Draft } from "../schemaTree";

/** A cluster file of which only the valid parts are there. */
export type ClusterDraft = Draft<ClusterFile>;
export type NodeDraft = NonNullable<NonNullable<ClusterDraft["nodes"]>[number]>;

/** A rule about several values of the file: it judges those that are there, and is silent about missing ones. */
export type Check = (file: ClusterDraft, baseDir: string) => Issue[];

/** The nodes that are there, with their places in the file. */
export function nodesOf(file: ClusterDraft): { node: NodeDraft; index: number }[] {
  return (file.nodes ?? []).flatMap((node, index) => (node ? [{ node, index }] : []));
}

/** Those of them whose machines are ours to make and keep. */
export const managedOf = (file: ClusterDraft) =>
  nodesOf(file).filter(({ node }) => node.managed !== false);

/** How messages name a node of the file. */
export function nodeAt(index: number, node: NodeDraft): string {
  return node.name === undefined ? `nodes[${index}]` : `nodes[${index}] (${node.name})`;
}
