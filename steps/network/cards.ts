import type { NodePlan } from "../../config/plan";

/** Whose network cards the scripts found instead of a node's, by what they say: `it has those of 52:54:00:12:34:56`. */
export function whoseCards(
  message: string,
  of: NodePlan,
  nodes: readonly NodePlan[],
): string | undefined {
  const [, found = ""] = /(?:it has those of|which has:)((?: [0-9a-f:]{17})+)/.exec(message) ?? [];
  const macs = found.split(" ");
  const others = nodes.filter(({ name }) => name !== of.name);
  const owners = others.filter(({ macAddresses, network }) =>
    [...macAddresses, ...(network?.links ?? []).flatMap((link) => link.macAddresses)].some((mac) =>
      macs.includes(mac),
    ),
  );
  if (owners.length === 0) return undefined;
  const names = owners.map(({ name }) => name).join(" and ");
  return `by its network cards it is ${names} of the file`;
}
