import { type Issue, show } from "../issues";
import { type Check, type ClusterDraft, nodeAt, type NodeDraft, nodesOf } from "./types";

/** Something no two nodes may share. */
interface Unique {
  /** Path below the node. */
  readonly path: readonly string[];
  /** What the value is to the node that has it: `is already the ... of`. */
  readonly what: string;
  readonly remedy: string;
  readonly value: (node: NodeDraft, file: ClusterDraft) => string | undefined;
}

const uniques: readonly Unique[] = [
  {
    path: ["name"],
    what: "name",
    remedy: "give each node a name of its own",
    value: ({ name }) => name,
  },
  {
    path: ["ip"],
    what: "address",
    remedy: "give each node an address of its own",
    value: ({ ip }) => ip,
  },
  {
    path: ["hostname"],
    what: "host name",
    remedy: "give each node a host name of its own",
    // Equal names are reported as such.
    value: ({ hostname, name }) => (hostname === name ? undefined : hostname),
  },
  {
    path: ["host_key"],
    what: "host key",
    remedy:
      "give each node its own key; on machines cloned from one image, remove /etc/ssh/ssh_host_* and run ssh-keygen -A first",
    value: ({ host_key }) => host_key,
  },
  {
    path: ["ssh", "host"],
    what: "SSH address",
    remedy: "give each node an SSH host or port of its own",
    value: ({ ssh }, { cluster }) =>
      ssh?.host === undefined ? undefined : `${ssh.host}:${ssh.port ?? cluster?.ssh?.port ?? 22}`,
  },
];

/** Names, addresses, keys and network cards belong to one node each. */
export const duplicates: Check = (file) => [
  ...uniques.flatMap((unique) => repeated(file, unique)),
  ...hostnamesThatAreNames(file),
  ...repeatedMacAddresses(file),
];

function repeated(file: ClusterDraft, { path, what, remedy, value }: Unique): Issue[] {
  const owners = new Map<string, string>();
  return nodesOf(file).flatMap(({ node, index }) => {
    const own = value(node, file);
    if (own === undefined) return [];
    const owner = owners.get(own);
    if (owner === undefined) {
      owners.set(own, nodeAt(index, node));
      return [];
    }
    const message = `${show(own)} is already the ${what} of ${owner}; ${remedy}`;
    return [{ path: ["nodes", index, ...path], message }];
  });
}

/** A node without hostname is called by its name, which another node's hostname must not take. */
function hostnamesThatAreNames(file: ClusterDraft): Issue[] {
  const nodes = nodesOf(file);
  return nodes.flatMap(({ node, index }) => {
    const other = nodes.find(
      (other) =>
        other.index !== index &&
        node.hostname !== undefined &&
        !other.node.hostname &&
        other.node.name === node.hostname,
    );
    if (!other || node.hostname === undefined) return [];
    const message = `${node.hostname} is already the name of ${nodeAt(other.index, other.node)}; give each node a host name of its own`;
    return [{ path: ["nodes", index, "hostname"], message }];
  });
}

function repeatedMacAddresses(file: ClusterDraft): Issue[] {
  const owners = new Map<string, string>();
  return nodesOf(file).flatMap(({ node, index }) =>
    (node.hardware?.mac_addresses ?? []).flatMap((mac, i) => {
      if (mac === undefined) return [];
      const owner = owners.get(mac);
      if (owner === undefined) {
        owners.set(mac, nodeAt(index, node));
        return [];
      }
      const message = `${mac} is already a MAC address of ${owner}; give each network card once`;
      return [{ path: ["nodes", index, "hardware", "mac_addresses", i], message }];
    }),
  );
}
