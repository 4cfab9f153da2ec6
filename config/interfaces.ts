import type { Path } from "./issues";
import type { ClusterFile } from "./schema";
import type { LayerPlan, LinkPlan, NodeNetwork } from "./plan";

type Node = ClusterFile["nodes"][number];
type Interface = Node["interfaces"][number];
type Defaults = ClusterFile["cluster"]["networking"]["interface_defaults"];

/** What of a node decides what is left out in its interfaces. */
interface Owner {
  readonly ip?: string;
  readonly interfaces?: readonly unknown[];
  readonly hardware?: { readonly mac_addresses?: readonly (string | undefined)[] };
}

/** The network cards of an interface: a node's only one has those of its hardware, where it names none. */
export function cardsOf(
  { mac_addresses }: { readonly mac_addresses?: readonly (string | undefined)[] },
  { interfaces = [], hardware }: Owner,
): string[] {
  const own = interfaces.length === 1 ? hardware?.mac_addresses : undefined;
  return (mac_addresses ?? own ?? []).flatMap((mac) => mac ?? []);
}

/** The addresses of an interface outside of VLANs, as written: a node's only one has its ip, where it names none. */
export function addressesOf(
  {
    addresses,
    vlans = [],
  }: {
    readonly addresses?: readonly (string | undefined)[];
    readonly vlans?: readonly unknown[];
  },
  { interfaces = [], ip }: Owner,
): string[] {
  const own = interfaces.length === 1 && vlans.length === 0 && ip !== undefined ? [ip] : [];
  return (addresses ?? own).flatMap((address) => address ?? []);
}

interface Addressed {
  readonly addresses?: readonly (string | undefined)[];
}

/** The values of a list, with their paths. */
export const listed = (path: Path, values: readonly (string | undefined)[] = []) =>
  values.map((value, i) => ({ path: [...path, i], value }));

/** What is written of addresses in a node's interfaces, without prefixes, with their paths below the node. */
export function addressesIn(
  interfaces: readonly (
    (Addressed & { readonly vlans?: readonly (Addressed | undefined)[] }) | undefined
  )[] = [],
): ReturnType<typeof listed> {
  return interfaces
    .flatMap((one, i) => [
      ...listed(["interfaces", i, "addresses"], one?.addresses),
      ...(one?.vlans ?? []).flatMap((vlan, k) =>
        listed(["interfaces", i, "vlans", k, "addresses"], vlan?.addresses),
      ),
    ])
    .map(({ path, value }) => ({ path, value: value?.split("/")[0] }));
}

/** An address with the length of its prefix; nothing where neither says one. */
export function withPrefix(
  address: string,
  { prefix_length }: { readonly prefix_length?: number } = {},
): string | undefined {
  if (address.includes("/")) return address;
  return prefix_length === undefined ? undefined : `${address}/${prefix_length}`;
}

/** Whether an address, with or without prefix, is that one. */
export const isAddress = (address: string, ip: string): boolean => address.split("/")[0] === ip;

/** The network that a machine is given; none where its file gives it none. */
export function networkOf(node: Node, defaults: Defaults): NodeNetwork | undefined {
  const { ip, interfaces, bootstrap_address, ssh } = node;
  if (interfaces.length === 0) return undefined;
  const layer = (
    written: Pick<Interface, "gateway" | "nameservers" | "mtu">,
    addresses: readonly string[],
  ): LayerPlan => {
    const hasIp = addresses.some((address) => isAddress(address, ip));
    const gateway = written.gateway ?? (hasIp ? defaults.gateway : undefined);
    const mtu = written.mtu ?? defaults.mtu;
    return {
      addresses: addresses.map((address) => withPrefix(address, defaults) ?? address),
      nameservers: written.nameservers ?? (hasIp ? defaults.nameservers : []),
      ...(gateway !== undefined && { gateway }),
      ...(mtu !== undefined && { mtu }),
    };
  };
  const links = interfaces.map((one): LinkPlan => ({
    ...layer(one, addressesOf(one, node)),
    macAddresses: cardsOf(one, node),
    ...(one.bond && { bond: one.bond }),
    vlans: one.vlans.map((vlan) => ({ id: vlan.id, ...layer(vlan, vlan.addresses) })),
  }));
  const elsewhere = bootstrap_address !== undefined && bootstrap_address !== (ssh.host ?? ip);
  return { links, ...(elsewhere && { bootstrapAddress: bootstrap_address }) };
}
