/** A network in CIDR notation, as numbers. */
export interface Network {
  /** First address. */
  readonly base: number;
  /** Length of the prefix in bits. */
  readonly prefix: number;
  /** How many addresses it spans, first and last included. */
  readonly size: number;
}

/** An IPv4 address as a number; it must be valid. */
export function parseAddress(text: string): number {
  return text.split(".").reduce((value, byte) => value * 256 + Number(byte), 0);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

/** A network from `10.0.0.0/8`; it must be valid. Bits behind the prefix are dropped. */
export function parseNetwork(cidr: string): Network {
  const [address = "", bits = ""] = cidr.split("/");
  const size = 2 ** (32 - Number(bits));
  const value = parseAddress(address);
  return { base: value - (value % size), prefix: Number(bits), size };
}

export function formatNetwork({ base, prefix }: Network): string {
  return `${formatAddress(base)}/${prefix}`;
}

export function contains({ base, size }: Network, address: number): boolean {
  return address >= base && address < base + size;
}

export function overlaps(a: Network, b: Network): boolean {
  return contains(a, b.base) || contains(b, a.base);
}

/** The nth usable address, from 1: the first address of a network names the network itself. */
export function nthAddress(cidr: string, n: number): string {
  return formatAddress(parseNetwork(cidr).base + n);
}
