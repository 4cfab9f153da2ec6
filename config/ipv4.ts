import ipaddr from "ipaddr.js";

/** A network: an address in it, and the length of its prefix in bits. */
export type Network = readonly [ipaddr.IPv4, number];

/** An IPv4 address; it must be valid. */
export const parseAddress = (text: string): ipaddr.IPv4 => ipaddr.IPv4.parse(text);

/** A network from `10.0.0.0/8`; it must be valid. */
export const parseNetwork = (cidr: string): Network => ipaddr.IPv4.parseCIDR(cidr);

/** Whether {@link parseNetwork} takes a text that may be anything. */
export const isNetwork = (text: string): boolean => ipaddr.IPv4.isValidCIDRFourPartDecimal(text);

/** How many addresses a network spans, first and last included. */
export const sizeOf = ([, prefix]: Network): number => 2 ** (32 - prefix);

/** The network as everybody writes it, without bits behind the prefix. */
export function withoutHost(cidr: string): string {
  const [, prefix] = parseNetwork(cidr);
  return `${ipaddr.IPv4.networkAddressFromCIDR(cidr).toString()}/${prefix}`;
}

export function contains([address, prefix]: Network, other: ipaddr.IPv4): boolean {
  return other.match(address, prefix);
}

export function overlaps(a: Network, b: Network): boolean {
  return contains(a, b[0]) || contains(b, a[0]);
}

/** The nth usable address of a /28 or larger, from 1 to 14: the first address of a network names the network itself. */
export function nthAddress(cidr: string, n: number): string {
  const [a, b, c, last = 0] = ipaddr.IPv4.networkAddressFromCIDR(cidr).octets;
  return [a, b, c, last + n].join(".");
}

/** Whether an address is in a network, where either text may be anything. */
export function isInside(address: string, cidr: string): boolean {
  return (
    ipaddr.IPv4.isValidFourPartDecimal(address) &&
    isNetwork(cidr) &&
    contains(parseNetwork(cidr), parseAddress(address))
  );
}
