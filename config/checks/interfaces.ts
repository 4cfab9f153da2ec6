import { addressesOf, cardsOf, isAddress, withPrefix } from "../interfaces";
import { isInside, isNetwork } from "../ipv4";
import { type Issue, type Path } from "../issues";
import { type Check, type ClusterDraft, type NodeDraft, nodesOf } from "./types";

/** A network card, a bond or a VLAN, and its place in the file. */
interface Place {
  readonly path: Path;
  readonly addresses: readonly string[];
  readonly gateway?: string;
  readonly hasIp: boolean;
}

type Defaults = NonNullable<
  NonNullable<ClusterDraft["cluster"]>["networking"]
>["interface_defaults"];
const defaultsAt = "cluster.networking.interface_defaults";

/** The network a machine is given is whole, and leads somewhere. */
export const interfaces: Check = (file) => {
  const defaults = file.cluster?.networking?.interface_defaults;
  return nodesOf(file).flatMap(({ node, index }) => {
    const path = ["nodes", index];
    const { interfaces = [], bootstrap_address } = node;
    if (interfaces.length > 0) return ofNode(node, path, defaults);
    if (bootstrap_address === undefined) return [];
    const message = `${bootstrap_address} leads to a machine that is given no network; give its interfaces too, or, where it keeps the address, give it as ssh.host`;
    return [{ path: [...path, "bootstrap_address"], message }];
  });
};

function ofNode(node: NodeDraft, at: Path, defaults: Defaults): Issue[] {
  const issues: Issue[] = [];
  const say = (path: Path, message: string) => issues.push({ path, message });
  const { ip, interfaces = [] } = node;
  const places: Place[] = [];
  const ids = new Set<number>();
  const bonds = new Set<string>();
  interfaces.forEach((one, i) => {
    if (!one) return;
    const path = [...at, "interfaces", i];
    const { bond, vlans = [] } = one;
    const own = cardsOf(one, node);
    if (own.length === 0)
      say(
        [...path, "mac_addresses"],
        "is missing; give the MAC address of the network card: no interface is guessed",
      );
    if (own.length > 1 && bond === undefined)
      say(
        [...path, "mac_addresses"],
        `${own.join(", ")} are ${own.length} network cards without a bond; give bond with its mode, or one card for each interface`,
      );
    if (bond?.name !== undefined) {
      if (bonds.has(bond.name))
        say(
          [...path, "bond", "name"],
          `${bond.name} is another bond of the node already; give each a name of its own`,
        );
      bonds.add(bond.name);
    }
    const add = (where: Path, addresses: readonly string[], gateway: string | undefined) =>
      places.push({
        path: where,
        addresses,
        hasIp: ip !== undefined && addresses.some((address) => isAddress(address, ip)),
        ...(gateway !== undefined && { gateway }),
      });
    const addresses = addressesOf(one, node);
    if (addresses.length === 0 && vlans.length === 0 && (ip !== undefined || interfaces.length > 1))
      say([...path, "addresses"], "is missing; give the addresses the machine has here, or vlans");
    add(path, addresses, one.gateway);
    vlans.forEach((vlan, k) => {
      if (!vlan) return;
      const where = [...path, "vlans", k];
      if (vlan.id !== undefined) {
        if (ids.has(vlan.id))
          say(
            [...where, "id"],
            `${vlan.id} is another VLAN of the node already; give each VLAN once`,
          );
        ids.add(vlan.id);
      }
      add(
        where,
        (vlan.addresses ?? []).flatMap((address) => address ?? []),
        vlan.gateway,
      );
    });
  });
  for (const { path, addresses } of places)
    for (const address of addresses)
      if (withPrefix(address, defaults) === undefined)
        say(
          [...path, "addresses"],
          `${address} has no prefix length; give one, such as ${address}/24, or ${defaultsAt}.prefix_length`,
        );
  // What could not be read may have had it.
  const isWhole = interfaces.every((one) => one && (one.vlans ?? []).every((vlan) => vlan));
  const carriers = places.filter(({ hasIp }) => hasIp);
  if (isWhole && ip !== undefined && carriers.length !== 1)
    say(
      [...at, "interfaces"],
      carriers.length === 0
        ? `none of them has the node's ip ${ip} among its addresses; give it where the other nodes reach the machine`
        : `${carriers.length} of them have the node's ip ${ip} among their addresses; give it once`,
    );
  gateways(places, defaults, say);
  return issues;
}

/** A gateway is a neighbour, and there is one. */
function gateways(
  places: readonly Place[],
  defaults: Defaults,
  say: (path: Path, message: string) => void,
): void {
  const all = places.flatMap(({ path, addresses, gateway, hasIp }) => {
    const one = gateway ?? (hasIp ? defaults?.gateway : undefined);
    return one === undefined ? [] : [{ path: [...path, "gateway"], addresses, one, gateway }];
  });
  for (const { path, addresses, one, gateway } of all) {
    const networks = addresses.flatMap((address) => withPrefix(address, defaults) ?? []);
    const whose = gateway === undefined ? ` (from ${defaultsAt})` : "";
    if (addresses.some((address) => isAddress(address, one)))
      say(path, `${one}${whose} is the machine's own address; give the router's`);
    else if (
      networks.length === addresses.length &&
      networks.every(isNetwork) &&
      !networks.some((network) => isInside(one, network))
    )
      say(
        path,
        `${one}${whose} is in none of the networks here (${networks.join(", ")}); give a router that is, or other prefix lengths`,
      );
  }
  for (const { path, one } of all.slice(1))
    say(
      path,
      `${one} is the node's second default gateway; give one of them, where the others are reached without`,
    );
}
