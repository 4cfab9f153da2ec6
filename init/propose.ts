import type { ClusterFile } from "../config/schema";
import {
  contains,
  isNetwork,
  overlaps,
  parseAddress,
  parseNetwork,
  withoutHost,
} from "../config/ipv4";
import type { Role } from "../config/plan";
import type { Disk, Facts, Machine } from "./machine";

/** A machine's place in the cluster. */
export interface NodeProposal {
  readonly machine: Machine;
  readonly name: string;
  /** Where it has another one than its name. */
  readonly hostname: string | undefined;
  readonly ip: string;
  /** The interface that carries it; absent where none does. */
  readonly interface: string | undefined;
  readonly mac: string | undefined;
  readonly architecture: "amd64" | "arm64";
  readonly roles: readonly Role[];
  /** Disks that become OSDs, and the others. */
  readonly blank: readonly Disk[];
  readonly taken: readonly Disk[];
  /** What the operator should know of it. */
  readonly notes: readonly string[];
}

export interface Proposal {
  readonly nodes: readonly NodeProposal[];
  readonly networking: Partial<
    Pick<ClusterFile["cluster"]["networking"], "pod_cidr" | "service_cidr">
  >;
  /** Bytes for each OSD; absent: Ceph's default, or no Ceph. */
  readonly osdMemory: number | undefined;
}

/** A cluster of these machines, of which the first come first as masters. */
export function propose(machines: readonly Machine[], network?: string): Proposal {
  const addresses = machines.map((machine) => addressOf(machine, machines, network));
  const masters = pickMasters(machines);
  // With two workers of their own, masters are left alone.
  const shared = machines.length < masters.size + 2;
  const disks = machines.map((machine) => ({
    blank: machine.facts.disks.filter(isBlank),
    taken: machine.facts.disks.filter((disk) => !isBlank(disk)),
  }));
  const stores = disks.some(({ blank }) => blank.length > 0);
  const roles = machines.map((machine, i): Role[] => [
    ...(masters.has(machine) ? (["master"] as const) : []),
    ...(masters.has(machine) && !shared ? [] : (["worker"] as const)),
    ...(masters.has(machine) && stores ? (["ceph-mon"] as const) : []),
    ...(disks[i]?.blank.length ? (["ceph-osd"] as const) : []),
  ]);
  const names = nameAll(machines, roles);
  const macs = machines.map(({ facts }, i) => macOf(facts, addresses[i]?.interface));
  const nodes = machines.map((machine, i): NodeProposal => {
    const name = names[i] ?? "";
    const { hostname } = machine.facts;
    const mac = macs[i];
    return {
      machine,
      name,
      hostname: hostname.startsWith(`${name}.`) && hostname.length <= 63 ? hostname : undefined,
      ip: addresses[i]?.ip ?? "",
      interface: addresses[i]?.interface,
      // What several machines show tells none from the others.
      mac: macs.filter((other) => other === mac).length === 1 ? mac : undefined,
      architecture: machine.facts.architecture === "aarch64" ? "arm64" : "amd64",
      roles: roles[i] ?? [],
      blank: disks[i]?.blank ?? [],
      taken: disks[i]?.taken ?? [],
      notes: notesOf(machine.facts, roles[i] ?? []),
    };
  });
  return { nodes, networking: pickNetworks(machines), osdMemory: osdMemory(nodes) };
}

/** Ceph takes none below. */
const leastDisk = 5 * 2 ** 30;

const isBlank = ({ holds, removable, readOnly, bytes }: Disk) =>
  holds === "" && !removable && !readOnly && bytes >= leastDisk;

/** What a master needs, as preflight says. */
const fitsMaster = ({ cpus, memoryMiB }: Facts) => cpus >= 2 && memoryMiB >= 1700;

/** Three, or one where there are no three: two lose as soon as one is lost. */
function pickMasters(machines: readonly Machine[]): ReadonlySet<Machine> {
  const fit = machines.filter(({ facts }) => fitsMaster(facts));
  const first = [...fit, ...machines.filter((machine) => !fit.includes(machine))];
  return new Set(first.slice(0, machines.length >= 3 ? 3 : 1));
}

interface Address {
  readonly ip: string;
  readonly prefix: number;
  readonly interface: string | undefined;
}

/** Interfaces that lead nowhere, or only to containers and virtual machines of the machine itself. */
const inner = /^(lo|docker|br-|veth|cni|flannel|cali|virbr|lxc|podman|kube|nodelocaldns)/;

function addressesOf({ interfaces }: Facts): Address[] {
  return interfaces
    .filter(({ ifname }) => !inner.test(ifname))
    .flatMap(({ ifname, addr_info }) =>
      addr_info.map(({ local, prefixlen }) => ({
        ip: local,
        prefix: prefixlen,
        interface: ifname,
      })),
    );
}

const isPrivate = (ip: string) => parseAddress(ip).range() === "private";
const inNetwork = (ip: string, network: string) =>
  contains(parseNetwork(network), parseAddress(ip));

/**
 * The address at which the other nodes reach a machine: the one it was dialled at, unless that is public and all machines
 * share a private network.
 */
function addressOf(machine: Machine, all: readonly Machine[], network?: string): Address {
  const own = addressesOf(machine.facts);
  const dialled = own.find(({ ip }) => ip === machine.host);
  const choice = network ?? (dialled && isPrivate(dialled.ip) ? undefined : sharedNetwork(all));
  const inside = choice === undefined ? undefined : own.find(({ ip }) => inNetwork(ip, choice));
  const outward = machine.facts.routes.find(({ dst }) => dst === "default")?.dev;
  return (
    inside ??
    dialled ??
    own.find((address) => address.interface === outward) ??
    own[0] ?? { ip: machine.host, prefix: 32, interface: undefined }
  );
}

/** A private network in which every machine has an address. */
function sharedNetwork(all: readonly Machine[]): string | undefined {
  const [first, ...others] = all.map(({ facts }) =>
    addressesOf(facts)
      .filter(({ ip, prefix }) => isPrivate(ip) && prefix < 32)
      .map(({ ip, prefix }) => withoutHost(`${ip}/${prefix}`)),
  );
  return first?.find((network) => others.every((theirs) => theirs.includes(network)));
}

function macOf({ macs }: Facts, name: string | undefined): string | undefined {
  const mac = name === undefined ? undefined : macs[name]?.toLowerCase();
  return mac !== undefined && /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) && !/^(00:)+00$/.test(mac)
    ? mac
    : undefined;
}

/** Names that images come with. */
const unnamed = /^(localhost|debian|ubuntu|linux|vm|ip-.*|host)$/;

/** Each machine's own name, where it tells it from the others; or what it is, with a number. */
function nameAll(machines: readonly Machine[], roles: readonly Role[][]): string[] {
  const own = machines.map(({ facts }) => (facts.hostname.split(".")[0] ?? "").toLowerCase());
  const usable = (name: string) =>
    /^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$/.test(name) &&
    !unnamed.test(name) &&
    own.filter((other) => other === name).length === 1;
  const taken = new Set(own.filter(usable));
  const next = (kind: string) => {
    for (let i = 1; ; i++) {
      const name = `${kind}-${String(i).padStart(2, "0")}`;
      if (taken.has(name)) continue;
      taken.add(name);
      return name;
    }
  };
  return own.map((name, i) =>
    usable(name) ? name : next(roles[i]?.includes("master") ? "master" : "worker"),
  );
}

const podNetworks = ["10.244.0.0/16", "172.20.0.0/16", "10.132.0.0/16", "192.168.0.0/17"];
const serviceNetworks = ["10.96.0.0/16", "172.21.0.0/16", "10.133.0.0/16", "192.168.128.0/17"];

/** The defaults, or others where one of the machines reaches something there. */
function pickNetworks(machines: readonly Machine[]): Proposal["networking"] {
  const used = machines
    .flatMap(({ host, facts }) => [
      ...addressesOf(facts).map(({ ip, prefix }) => `${ip}/${prefix}`),
      ...facts.routes.map(({ dst }) => (dst.includes("/") ? dst : `${dst}/32`)),
      `${host}/32`,
    ])
    // Names, the default route, and whatever a hostile machine says.
    .filter((network) => isNetwork(network));
  const free = (networks: readonly string[]) =>
    networks.find((one) =>
      used.every((other) => !overlaps(parseNetwork(one), parseNetwork(other))),
    );
  const pods = free(podNetworks);
  const services = free(serviceNetworks);
  return {
    ...(pods !== podNetworks[0] && pods && { pod_cidr: pods }),
    ...(services !== serviceNetworks[0] && services && { service_cidr: services }),
  };
}

const mib = 2 ** 20;
/** Bytes that an OSD aims at when nothing else is said, and the least that Ceph takes. */
const usual = 4096 * mib;
const least = 896 * mib;

/** What every OSD may have, so that the machine with the least memory for its OSDs keeps a part for the rest. */
function osdMemory(nodes: readonly NodeProposal[]): number | undefined {
  const each = nodes
    .filter(({ blank }) => blank.length > 0)
    .map(({ machine, roles, blank }) => {
      const rest = roles.includes("master") ? 4096 : 2048;
      return ((machine.facts.memoryMiB - rest) * mib) / blank.length;
    });
  const most = Math.min(usual, ...each);
  return most === usual ? undefined : Math.max(least, Math.floor(most / (128 * mib)) * 128 * mib);
}

const supported = ["debian 12", "debian 13", "ubuntu 22.04", "ubuntu 24.04"];

function notesOf(facts: Facts, roles: readonly Role[]): string[] {
  const { cluster, system, os, architecture, cpus, memoryMiB } = facts;
  return [
    ...(cluster === ""
      ? []
      : [`it belongs to the cluster ${cluster}, which has to give it up first`]),
    ...(supported.includes(system)
      ? []
      : [`${os} is not supported; supported are Debian 12 and 13, Ubuntu 22.04 and 24.04`]),
    ...(["x86_64", "aarch64"].includes(architecture) ? [] : [`${architecture} is not supported`]),
    ...(roles.includes("master") && !fitsMaster(facts)
      ? [`a master needs 2 CPUs and 1700 MiB of memory; it has ${cpus} and ${memoryMiB} MiB`]
      : []),
  ];
}
