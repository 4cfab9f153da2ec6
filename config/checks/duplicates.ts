import { addressesIn, listed } from "../interfaces";
import { type Issue, type Path, show } from "../issues";
import { type Check, type ClusterDraft, nodeAt, type NodeDraft, nodesOf } from "./types";

/** Something no two nodes may share. */
interface Unique {
  /** What the value is to the node that has it. */
  readonly what: string;
  /** The node's values, defaults included, with their paths below the node. */
  readonly values: (node: NodeDraft, file: ClusterDraft) => { path: Path; value?: string }[];
  /** The field the value follows from where it is not written: nodes that share that one are reported for it. */
  readonly follows?: "name" | "ip";
  readonly remedy: string;
}

const uniques: readonly Unique[] = [
  {
    what: "the name",
    values: ({ name }) => [{ path: ["name"], value: name }],
    remedy: "give each node a name of its own",
  },
  {
    what: "the address",
    values: ({ ip, interfaces = [] }) => [
      { path: ["ip"], value: ip },
      ...addressesIn(interfaces)
        // One of them has its ip.
        .filter(({ value }) => value !== ip),
    ],
    remedy: "give each node an address of its own",
  },
  {
    what: "the host name",
    values: ({ name, hostname = name }) => [{ path: ["hostname"], value: hostname }],
    follows: "name",
    remedy: "give each node a host name of its own",
  },
  {
    what: "the SSH address",
    values: ({ ip, ssh, managed }, { cluster }) => {
      if (managed === false) return [];
      const host = ssh?.host ?? ip;
      const port = ssh?.port ?? cluster?.ssh?.port ?? 22;
      return [{ path: ["ssh", "host"], value: host === undefined ? undefined : `${host}:${port}` }];
    },
    follows: "ip",
    remedy: "give each node an SSH host or port of its own",
  },
  {
    what: "the host key",
    values: ({ host_key }) => [{ path: ["host_key"], value: host_key }],
    remedy:
      "give each node its own key; on machines cloned from one image, remove /etc/ssh/ssh_host_* and run ssh-keygen -A first",
  },
  {
    what: "a MAC address",
    values: ({ hardware, interfaces = [] }) => {
      const cards = interfaces.flatMap((one, i) =>
        listed(["interfaces", i, "mac_addresses"], one?.mac_addresses),
      );
      // Its hardware may name them, too.
      const others = listed(["hardware", "mac_addresses"], hardware?.mac_addresses).filter(
        ({ value }) => !cards.some((card) => card.value === value),
      );
      return [...cards, ...others];
    },
    remedy: "give each network card once",
  },
  {
    what: "the bootstrap address",
    values: ({ bootstrap_address: value }) => [{ path: ["bootstrap_address"], value }],
    remedy:
      "have each machine answer at an address of its own; of machines that come up with the same one, add one after the other",
  },
];

/** Names, addresses, keys and network cards belong to one node each. */
export const duplicates: Check = (file) => uniques.flatMap((unique) => repeated(file, unique));

function repeated(file: ClusterDraft, { what, values, follows, remedy }: Unique): Issue[] {
  const owners = new Map<string, { node: NodeDraft; index: number }>();
  return nodesOf(file).flatMap(({ node, index }) =>
    values(node, file).flatMap(({ path, value }) => {
      if (value === undefined) return [];
      const owner = owners.get(value);
      if (owner === undefined) owners.set(value, { node, index });
      if (owner === undefined || (follows && owner.node[follows] === node[follows])) return [];
      const whose = nodeAt(owner.index, owner.node);
      const message = `${show(value)} is already ${what} of ${whose}; ${remedy}`;
      return [{ path: ["nodes", index, ...path], message }];
    }),
  );
}
