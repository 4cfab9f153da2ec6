import type { Disk, Facts, Machine } from "../../init/machine";

export const disk = (name: string, different: Partial<Disk> = {}): Disk => ({
  name,
  bytes: 480_103_981_056,
  removable: false,
  readOnly: false,
  model: "SAMSUNG MZ7LH480",
  holds: "",
  ids: [`/dev/disk/by-id/ata-SAMSUNG_${name}`, `/dev/disk/by-id/wwn-0x5002538e${name}`],
  ...different,
});

/** What a machine of the usual kind says. */
export const factsOf = (number: number, different: Partial<Facts> = {}): Facts => ({
  hostname: `node-${number}`,
  os: "Debian GNU/Linux 13 (trixie)",
  system: "debian 13",
  architecture: "x86_64",
  cpus: 4,
  memoryMiB: 15990,
  cluster: "",
  interfaces: [
    { ifname: "eno1", addr_info: [{ local: `10.0.0.${number}`, prefixlen: 24 }] },
    { ifname: "docker0", addr_info: [{ local: "172.17.0.1", prefixlen: 16 }] },
  ],
  macs: { eno1: `52:54:00:00:00:${String(number).padStart(2, "0")}`, lo: "00:00:00:00:00:00" },
  routes: [
    { dst: "default", dev: "eno1" },
    { dst: "10.0.0.0/24", dev: "eno1" },
  ],
  disks: [disk("sda", { holds: "sda1 ext4 at /, sda2 swap" })],
  ...different,
});

/** Whole keys that belong to nobody. */
const keyOf = (number: number) => {
  const type = Buffer.from("ssh-ed25519");
  const field = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const blob = Buffer.concat([field(type), field(Buffer.alloc(32, number))]);
  return `ssh-ed25519 ${blob.toString("base64")}`;
};

export const machineOf = (
  number: number,
  { facts, ...different }: Partial<Omit<Machine, "facts">> & { facts?: Partial<Facts> } = {},
): Machine => ({
  host: `10.0.0.${number}`,
  port: 22,
  user: "root",
  hostKey: keyOf(number),
  facts: factsOf(number, facts),
  ...different,
});

export const machines = (count: number, facts?: (number: number) => Partial<Facts>) =>
  Array.from({ length: count }, (_, i) => machineOf(i + 11, { facts: facts?.(i + 11) }));
