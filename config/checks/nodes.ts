import type { Issue, Path } from "../issues";
import { type Check, managedOf, type NodeDraft, nodesOf } from "./types";

/** Workers need masters to work for; storage alone does not. */
export const masters: Check = (file) => {
  const nodes = nodesOf(file);
  const known = nodes.length > 0 && nodes.length === file.nodes?.length;
  const roles = nodes.map(({ node }) => node.roles);
  // A role that could not be read may have been the master.
  if (!known || roles.some((list) => list === undefined || list.includes(undefined))) return [];
  const all = new Set(roles.flat());
  if (all.has("master") || !all.has("worker")) return [];
  return [
    {
      path: ["nodes"],
      message:
        "no node is a master, and the workers need one; give at least one node the role master, better three",
    },
  ];
};

/** Somebody must be left to take the lost ones out of the cluster. */
export const survivors: Check = (file) => {
  const nodes = managedOf(file);
  const kinds = [
    { what: "node", has: nodes },
    { what: "master", has: nodes.filter(({ node }) => node.roles?.includes("master")) },
    { what: "monitor", has: nodes.filter(({ node }) => node.roles?.includes("ceph-mon")) },
  ];
  const gone = kinds.find(({ has }) => has.length > 0 && has.every(({ node }) => node.lost));
  const place = gone?.has[0];
  if (gone === undefined || place === undefined) return [];
  return [
    {
      path: ["nodes", place.index, "lost"],
      message: `true leaves no ${gone.what} to take the lost ones out of the cluster; keep at least one, or see docs/operations.md for a cluster that lost its quorum`,
    },
  ];
};

/** Kubernetes knows a taint by key and effect. */
export const taints: Check = (file) => [
  ...Object.entries(file.groups ?? {}).flatMap(([name, group]) =>
    repeatedTaints(group?.taints ?? [], ["groups", name]),
  ),
  ...nodesOf(file).flatMap(({ node, index }) =>
    repeatedTaints(node.taints ?? [], ["nodes", index]),
  ),
];

function repeatedTaints(taints: NonNullable<NodeDraft["taints"]>, path: Path): Issue[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, i) => {
    if (taint?.key === undefined || taint.effect === undefined) return [];
    const taintId = `${taint.key}:${taint.effect}`;
    const isNew = !seen.has(taintId);
    seen.add(taintId);
    const message = `${taintId} is there twice; give each key and effect once`;
    return isNew ? [] : [{ path: [...path, "taints", i], message }];
  });
}
