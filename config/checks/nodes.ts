import { type Check, nodesOf } from "./types";

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

/** Kubernetes knows a taint by key and effect. */
export const taints: Check = (file) =>
  nodesOf(file).flatMap(({ node, index }) => {
    const seen = new Set<string>();
    return (node.taints ?? []).flatMap((taint, i) => {
      if (taint?.key === undefined || taint.effect === undefined) return [];
      const taintId = `${taint.key}:${taint.effect}`;
      if (!seen.has(taintId)) {
        seen.add(taintId);
        return [];
      }
      return [
        {
          path: ["nodes", index, "taints", i],
          message: `${taintId} is there twice; give each key and effect once`,
        },
      ];
    });
  });
