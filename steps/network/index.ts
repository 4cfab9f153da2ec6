import { z } from "zod";
import type { NodeNetwork, NodePlan } from "../../config/plan";
import type { Step } from "../step";
import { bundled, vlanName } from "./bundle";
import { ifupdown } from "./ifupdown";
import { netplan } from "./netplan";
import { networkd } from "./networkd";

type Variable =
  | "CARDS"
  | "MAC_ADDRESSES"
  | "ADDRESSES"
  | "GATEWAY"
  | "NAMESERVERS"
  | "MADE"
  | "NETWORKD"
  | "NETPLAN"
  | "IFUPDOWN";

/** What the script is asked for before the step itself. */
export type NetworkAction = "switch" | "look" | "confirm";

/** What it reports then. */
export const networkReport = z.strictObject({
  state: z.enum(["unchanged", "switching", "switched", "confirmed", "returning", "former"]),
  /** After so many the former network comes back. */
  seconds: z.int().positive().max(3600),
  /** What was said when it came or went. */
  words: z.string().max(2000),
});

/**
 * The machine has the network its file declares. The step itself only looks: its hook has given it that before, at the address
 * where the machine answered (`ssh/network.ts`). Nothing undoes it: a machine that leaves the cluster keeps its network, at which
 * its operator reaches it.
 */
export function network({
  node,
  network,
}: {
  readonly node: NodePlan;
  readonly network: NodeNetwork;
}): Step<Variable> {
  const { links } = network;
  const layers = links.flatMap((link) => [link, ...link.vlans]);
  return {
    script: "network",
    variables: {
      CARDS: links.flatMap(({ macAddresses }) => macAddresses).join(" "),
      MAC_ADDRESSES: node.macAddresses.join(" "),
      ADDRESSES: layers.flatMap(({ addresses }) => addresses).join(" "),
      GATEWAY: layers.flatMap(({ gateway }) => gateway ?? []).join(" "),
      NAMESERVERS: [...new Set(layers.flatMap(({ nameservers }) => nameservers))].join(" "),
      MADE: links
        .flatMap(({ bond, vlans }) => [
          ...vlans.map(({ id }) => vlanName(id)),
          ...(bond ? [bond.name] : []),
        ])
        .join(" "),
      NETWORKD: bundled(networkd(network)),
      NETPLAN: bundled(netplan(network)),
      IFUPDOWN: bundled(ifupdown(network)),
    },
    onForeignMachine: true,
  };
}
