import { parseDocument, stringify } from "yaml";
import type { Issue } from "../config/issues";
import { examine } from "../config/read";
import type { ClusterFile } from "../config/schema";
import { newestKubernetes } from "../config/versions";
import { fingerprint } from "./login";
import type { Disk, Login } from "./machine";
import type { NodeProposal, Proposal } from "./propose";

export interface Settings {
  readonly name: string;
  /** As it is to stand in the file; absent: ssh-agent. */
  readonly privateKeyFile: string | undefined;
  readonly bastion: (Login & { readonly hostKey: string }) | undefined;
  /** What nodes are logged in with unless they say otherwise; default: as most are. */
  readonly usual?: Partial<Usual>;
  /** Of downloads that the release knows none of, as their publishers say; default: none. */
  readonly checksums?: Readonly<Record<string, string>>;
  /** Path of the schema from the file's folder, where editors may look for it. */
  readonly schema: string | undefined;
}

/** The cluster file. */
export function renderFile(proposal: Proposal, settings: Settings): string {
  const usual = { ...usualLogin(proposal.nodes), ...settings.usual };
  return [
    ...(settings.schema === undefined
      ? []
      : [`# yaml-language-server: $schema=${settings.schema}`]),
    "# Written by `npm run init` of what the machines said of themselves. Yours to change: docs/cluster-yaml.md has every field.",
    "cluster:",
    ...indent(2, clusterLines(proposal, settings, usual)),
    "",
    "nodes:",
    ...proposal.nodes.flatMap((node, i) => [
      ...(i === 0 ? [] : [""]),
      ...indent(2, nodeLines(node, usual)),
    ]),
    "",
  ].join("\n");
}

/**
 * What is wrong with a file that {@link renderFile} made: nothing, unless the machines, or the site, contradict each other.
 * @returns `unverified`: keys of downloads of which no checksum is known; they are added later
 */
export function judge(
  text: string,
  folder: string,
): { file: ClusterFile | undefined; issues: readonly Issue[]; unverified: string[] } {
  const document = parseDocument(text);
  const { file, issues } = examine(document.toJS(), folder);
  const isMissing = ({ path }: Issue) => path[2] === "sha256" && !document.hasIn(path);
  return {
    file,
    issues: issues.filter((issue) => !isMissing(issue)),
    unverified: issues.filter(isMissing).map(({ path }) => String(path[3])),
  };
}

type Usual = Pick<Login, "user" | "port">;

/** What most machines are logged in with. */
function usualLogin(nodes: readonly NodeProposal[]): Usual {
  const most = <T>(values: readonly T[], otherwise: T) => {
    const count = (value: T) => values.filter((one) => one === value).length;
    return [...values].sort((a, b) => count(b) - count(a))[0] ?? otherwise;
  };
  return {
    user: most(
      nodes.map(({ machine }) => machine.user),
      "root",
    ),
    port: most(
      nodes.map(({ machine }) => machine.port),
      22,
    ),
  };
}

function clusterLines(proposal: Proposal, settings: Settings, usual: Usual): string[] {
  const { nodes, networking, osdMemory } = proposal;
  const several = nodes.filter(({ roles }) => roles.includes("master")).length > 1;
  return [
    `name: ${scalar(settings.name)}`,
    `kubernetes: { version: ${newestKubernetes} }`,
    ...(several
      ? [
          "# Who is outside finds the API at the first master. A load balancer before all of them, or a name with all their addresses:",
          "# endpoint: api.example.org:6443",
          "# or an unused address of their network, which they hold in turn:",
          "# endpoint: { vip: 10.0.0.10 }",
        ]
      : []),
    ...section("networking", networking, "The usual networks are in use where these machines are."),
    "ssh:",
    ...indent(2, sshLines(settings, usual)),
    ...artifactLines(settings.checksums ?? {}),
    ...cephLines(nodes, osdMemory),
  ];
}

function sshLines({ privateKeyFile, bastion }: Settings, usual: Usual): string[] {
  return [
    `user: ${scalar(usual.user)}`,
    ...(usual.port === 22 ? [] : [`port: ${usual.port}`]),
    privateKeyFile === undefined ? "agent: true" : `private_key_file: ${scalar(privateKeyFile)}`,
    ...(bastion === undefined
      ? []
      : [
          "bastion:",
          `  host: ${scalar(bastion.host)}`,
          ...(bastion.port === 22 ? [] : [`  port: ${bastion.port}`]),
          ...(bastion.user === usual.user ? [] : [`  user: ${scalar(bastion.user)}`]),
          `  host_key: ${bastion.hostKey}  # ${fingerprint(bastion.hostKey)}`,
        ]),
  ];
}

function artifactLines(checksums: Readonly<Record<string, string>>): string[] {
  const lines = Object.entries(checksums).map(([key, sum]) => `    ${key}: ${sum}`);
  if (lines.length === 0) return [];
  return [
    "# As their publishers say; of everything else the release knows it.",
    "artifacts:",
    "  sha256:",
    ...lines,
  ];
}

function cephLines(nodes: readonly NodeProposal[], osdMemory: number | undefined): string[] {
  const stores = nodes.filter(({ blank }) => blank.length > 0);
  if (stores.length === 0) return [];
  const osds = stores.flatMap(({ blank }) => blank).length;
  const copies = Math.min(3, stores.length);
  return [
    `# ${count(osds, "blank disk")} on ${count(stores.length, "machine")}: everything is stored ${
      copies === 1
        ? "once, and lost with its disk"
        : `${copies} times, each time on another machine`
    }.`,
    "ceph:",
    ...(osdMemory === undefined
      ? []
      : [`  osd_memory_target: ${osdMemory}  # bytes: what the machines have for each OSD`]),
    "  csi: false  # true: the ceph-csi chart, by which pods get volumes (docs/ceph.md)",
  ];
}

function nodeLines(node: NodeProposal, usual: Usual): string[] {
  const { machine, name, hostname, ip, mac, architecture, roles, blank, taken, notes } = node;
  const { os, cpus, memoryMiB } = machine.facts;
  const ssh = {
    ...(machine.host !== ip && { host: machine.host }),
    ...(machine.port !== usual.port && { port: machine.port }),
    ...(machine.user !== usual.user && { user: machine.user }),
  };
  const others = taken.map((disk) => `# Not taken: ${pathOf(disk)}  # ${describe(disk)}`);
  return [
    `# ${os}, ${architecture}, ${count(cpus, "CPU")}, ${Math.round(memoryMiB / 1024)} GiB of memory`,
    ...notes.map((note) => `# NOTE: ${note}`),
    `- name: ${scalar(name)}`,
    ...indent(2, [
      ...(hostname === undefined ? [] : [`hostname: ${scalar(hostname)}`]),
      `ip: ${ip}${node.interface === undefined ? "" : `  # ${node.interface}`}`,
      ...(architecture === "amd64" ? [] : [`architecture: ${architecture}`]),
      `roles: [${roles.join(", ")}]`,
      `host_key: ${machine.hostKey}  # ${fingerprint(machine.hostKey)}`,
      ...(Object.keys(ssh).length === 0 ? [] : [`ssh: ${flow(ssh)}`]),
      ...(mac === undefined ? [] : [`hardware: { mac_addresses: ["${mac}"] }`]),
      ...(blank.length === 0
        ? others
        : [
            "storage:",
            "  devices:",
            ...blank.map((disk) => `    - path: ${scalar(pathOf(disk))}  # ${describe(disk)}`),
            ...indent(4, others),
          ]),
    ]),
  ];
}

/** Names by which a disk is found again wherever it is plugged in, the best first. */
const kinds = [/\/wwn-/, /\/nvme-eui/, /\/nvme-/, /\/ata-/, /\/scsi-/];
const rank = (id: string) => {
  const found = kinds.findIndex((kind) => kind.test(id));
  return found < 0 ? kinds.length : found;
};

/** Without an id it has only the name of today. */
export const pathOf = ({ name, ids }: Disk) =>
  [...ids].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))[0] ?? `/dev/${name}`;

function describe(disk: Disk): string {
  const { name, ids, bytes, model, holds, removable } = disk;
  return [
    `${ids.length === 0 ? "" : `${name}, `}${Math.round(bytes / 1e9)} GB`,
    ...(model === "" ? [] : [model]),
    ...(removable ? ["removable"] : []),
    holds === "" ? "blank" : `holds ${holds}`,
  ].join(", ");
}

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;
const indent = (by: number, lines: readonly string[]) => lines.map((line) => " ".repeat(by) + line);
const scalar = (text: string) => stringify(text, { lineWidth: 0 }).trimEnd();
const flow = (map: object) =>
  stringify(map, { collectionStyle: "flow", lineWidth: 0, flowCollectionPadding: true }).trimEnd();

/** A section with a comment, where it has something in it. */
function section(name: string, map: object, comment: string): string[] {
  return Object.keys(map).length === 0 ? [] : [`# ${comment}`, `${name}: ${flow(map)}`];
}
