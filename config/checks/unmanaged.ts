import { namesOf } from "../endpoint";
import type { Issue } from "../issues";
import { node as schema } from "../nodeSchema";
import { type Check, type ClusterDraft, nodeAt, type NodeDraft, nodesOf } from "./types";

const place = (index: number, ...path: (string | number)[]) => ["nodes", index, ...path];

/** What an entry has where nothing is written: of a node that is not managed, other fields say nothing to anybody. */
const bare: NodeDraft = schema.parse({
  name: "a",
  ip: "192.0.2.1",
  roles: ["worker"],
  managed: false,
});
const own = ["name", "ip", "roles", "managed", "cert_sans"];

/** Of a node that is not managed there is what the cluster must know of a stranger, and nothing else. */
export const unmanaged: Check = (file) =>
  nodesOf(file).flatMap(({ node, index }) =>
    node.managed === false ? ofStranger(file, node, index) : ofOurs(node, index),
  );

function ofOurs(node: NodeDraft, index: number): Issue[] {
  if (!node.cert_sans?.some((name) => name !== undefined)) return [];
  const message =
    "is for nodes that are not managed: a kubelet of ours serves with name and ip alone; remove it, or say managed: false";
  return [{ path: place(index, "cert_sans"), message }];
}

function ofStranger(file: ClusterDraft, node: NodeDraft, index: number): Issue[] {
  const whose = nodeAt(index, node);
  const roles = (node.roles ?? []).flatMap((role, i) =>
    role === undefined || role === "worker"
      ? []
      : [
          {
            path: place(index, "roles", i),
            message: `${role} is not for ${whose}, which is not managed: its machine is not ours to put it there; give the role worker alone, or take managed: false away`,
          },
        ],
  );
  const others = Object.entries(node)
    .filter(
      ([key, value]) =>
        !own.includes(key) &&
        JSON.stringify(value) !== JSON.stringify(bare[key as keyof NodeDraft]),
    )
    .map(([key]) => ({
      path: place(index, key),
      message: `says something of ${whose}, which is not managed: nobody would do it there; remove it, or take managed: false away`,
    }));
  return [...roles, ...others, ...foreignNames(file, node, index)];
}

/** It must not serve in the name of another, or of the API. */
function foreignNames(file: ClusterDraft, node: NodeDraft, index: number): Issue[] {
  const { cluster } = file;
  const api = [
    "localhost",
    "kubernetes",
    ...namesOf(cluster?.endpoint),
    ...(cluster?.kubernetes?.api_server?.cert_sans ?? []),
  ];
  return (node.cert_sans ?? []).flatMap((name, i) => {
    if (name === undefined) return [];
    const other = nodesOf(file).find(
      (it) => it.index !== index && [it.node.name, it.node.ip, it.node.hostname].includes(name),
    );
    const whose = other
      ? nodeAt(other.index, other.node)
      : api.includes(name) || /^127\.|^::1$|^kubernetes\.default(\.|$)/.test(name)
        ? "the API servers"
        : undefined;
    if (whose === undefined) return [];
    const message = `${name} is the name of ${whose}, for whom the node would pass; give names and addresses that are its own`;
    return [{ path: place(index, "cert_sans", i), message }];
  });
}
