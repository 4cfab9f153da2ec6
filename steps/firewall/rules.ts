import { type ClusterPlan, type NodePlan, runsPods } from "../../config/plan";
import { ports } from "../../config/ports";
import { pluginOf } from "../../networks";

export const firewallTable = "groundwork";

/** Where the table stands, on every node. */
export const rulesFile = "/etc/groundwork/firewall/rules.nft";

type Ports = readonly (number | readonly [number, number])[];

/** A set of nftables: networks, or addresses that may come and go by themselves. */
interface Members {
  readonly name: string;
  readonly flags: string;
  /** Each with whose it is, which is written behind it. */
  readonly elements: readonly (readonly [element: string, whose: string])[];
}

/**
 * What a node's own table has: of all that comes in, packets to ports of the cluster's from others than may reach them are
 * dropped, and nothing else is said. Whoever is let through here meets the rules of other tables as before.
 *
 * Answers are known by their connection, which this machine began; no other packet is let in for its connection's sake, so that who
 * leaves is cut off at once, and who stays notices nothing. What nodes send each other of pods has no proof of its sender but
 * its address, and comes before that.
 */
export function firewallRules(cluster: ClusterPlan, node: NodePlan): string {
  const { podCidr, firewall } = cluster.networking;
  const { trusted, clients } = firewall ?? { trusted: [], clients: [] };
  const living = cluster.nodes.filter(({ lost }) => !lost);
  const from = {
    nodes: living.flatMap(addressesOf),
    masters: cluster.masters.flatMap(addressesOf),
  };
  const own = closedPorts(cluster, node);
  const sets: readonly Members[] = [
    {
      name: "nodes",
      flags: "dynamic,timeout",
      elements: [...from.nodes, ...cluster.unmanaged.map(({ name, ip }) => [ip, name] as const)],
    },
    { name: "masters", flags: "dynamic,timeout", elements: from.masters },
    { name: "leaving", flags: "dynamic,timeout", elements: [] },
    networks("pods", [podCidr]),
    networks("trusted", trusted),
    networks("storage", listed(cluster.ceph?.clusterNetwork)),
    networks("clients", clients),
  ];
  const chains = {
    peers: ["ip saddr @nodes accept", "ip saddr @trusted accept"],
    etcd: ["ip saddr @masters accept", "ip saddr @trusted accept"],
    nodes: ["ip saddr @nodes accept", "ip saddr @pods accept", "ip saddr @trusted accept"],
    ceph: ["ip saddr @storage accept", "goto from_nodes"],
    clients: ["ip saddr @clients accept", "goto from_nodes"],
  };
  const leads = (protocol: string, some: Ports, chain: string) =>
    some.length === 0
      ? []
      : [`${protocol} dport { ${some.map(portText).join(", ")} } goto from_${chain}`];
  const input = [
    "type filter hook input priority filter - 10; policy accept;",
    'iif "lo" accept',
    // Who has left says so (firewall-off.sh), and nobody else can.
    `ip saddr @leaving udp dport ${goodbyePort} delete @nodes { ip saddr } delete @masters { ip saddr } delete @leaving { ip saddr } drop`,
    ...leads("udp", own.peers.udp, "peers"),
    ...leads("tcp", own.peers.tcp, "peers"),
    "ct direction reply accept",
    ...leads("tcp", own.etcd, "etcd"),
    ...leads("tcp", own.nodes, "nodes"),
    ...leads("tcp", own.ceph, "ceph"),
    ...(clients.length > 0 ? leads("tcp", own.clients, "clients") : []),
  ];
  const lines = [
    ...sets.flatMap(setLines),
    ...block("chain input", input),
    ...Object.entries(chains).flatMap(([name, rules]) =>
      block(
        `chain from_${name}`,
        rules.some((rule) => rule.startsWith("goto")) ? rules : [...rules, "counter drop"],
      ),
    ),
  ];
  return [
    "# What the cluster listens at here, and who may reach it. All else is not asked for.",
    `table inet ${firewallTable} {}`,
    `delete table inet ${firewallTable}`,
    ...block(`table inet ${firewallTable}`, lines),
    "",
  ].join("\n");
}

/** At which a node that leaves says that it is gone: where anybody may say anything (RFC 863). */
export const goodbyePort = 9;

/** Of a node: the ports that are closed, by who may reach them. */
export function closedPorts(cluster: ClusterPlan, node: NodePlan) {
  const is = (role: string) => node.roles.some((own) => own === role);
  const ofPlugin = runsPods(node) ? pluginOf(cluster).ports(cluster) : [];
  const of = (wanted: string) =>
    ofPlugin.flatMap(({ protocol, port }) => (protocol === wanted ? [port] : []));
  const { port = ports.kubelet } = node.kubelet.config;
  const monitor = is("ceph-mon");
  return {
    peers: { tcp: of("tcp"), udp: of("udp") },
    etcd: is("master") ? [ports.etcdClient, ports.etcdPeer] : [],
    nodes: [
      ...(runsPods(node) ? [Number(port)] : []),
      ...(monitor ? [ports.cephMonitor, ports.cephMonitorV1, ports.cephMetrics] : []),
    ],
    ceph: monitor || is("ceph-osd") ? [ports.cephDaemons] : [],
    clients: [
      ...(is("master") ? [ports.apiServer] : []),
      ...(monitor && cluster.ceph?.dashboard ? [ports.cephDashboard] : []),
    ],
  };
}

/** All addresses of a node that the file has, from each of which it may send. */
export function addressesOf({ name, ip, network }: NodePlan): [string, string][] {
  const others = (network?.links ?? []).flatMap(({ addresses, vlans }) =>
    [{ addresses }, ...vlans].flatMap(({ addresses }) => addresses),
  );
  const all = [ip, ...others.map((address) => address.replace(/\/.*/, ""))];
  return [...new Set(all)].map((address) => [address, name]);
}

export const portText = (port: Ports[number]) =>
  typeof port === "number" ? String(port) : port.join("-");

const listed = <T>(one: T | undefined) => (one === undefined ? [] : [one]);

const networks = (name: string, all: readonly string[]): Members => ({
  name,
  flags: "interval",
  elements: all.map((network) => [network, ""]),
});

function setLines({ name, flags, elements }: Members): string[] {
  return block(`set ${name}`, [
    "type ipv4_addr",
    `flags ${flags}`,
    ...(flags === "interval" ? ["auto-merge"] : []),
    ...(elements.length === 0
      ? []
      : block(
          "elements =",
          elements.map(([element, whose]) => `${element},${whose && ` # ${whose}`}`),
        )),
  ]);
}

const block = (title: string, lines: readonly string[]) => [
  `${title} {`,
  ...lines.map((line) => `  ${line}`),
  "}",
];
