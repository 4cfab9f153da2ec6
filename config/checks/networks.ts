import { plugins } from "../../networks";
import { namesOf } from "../endpoint";
import { addressesIn } from "../interfaces";
import {
  contains,
  type Network,
  nthAddress,
  overlaps,
  parseAddress,
  parseNetwork,
  sizeOf,
} from "../ipv4";
import type { Issue } from "../issues";
import { type Check, type ClusterDraft, nodesOf } from "./types";

/** The networks' sizes, and that neither holds an address of the other or of a machine. */
export const networks: Check = (file) => {
  const { pod_cidr, service_cidr } = file.cluster?.networking ?? {};
  const issues: Issue[] = [];
  const say = (path: Issue["path"], message: string) => issues.push({ path, message });
  if (pod_cidr !== undefined) {
    const pods = parseNetwork(pod_cidr);
    const problem = podNetworkProblem(pods, file);
    if (problem) say(["cluster", "networking", "pod_cidr"], `${pod_cidr} ${problem}`);
    issues.push(...addressesInside(file, pods, `pod network ${pod_cidr}`));
  }
  if (service_cidr !== undefined) {
    const services = parseNetwork(service_cidr);
    const problem = serviceNetworkProblem(services);
    if (problem) say(["cluster", "networking", "service_cidr"], `${service_cidr} ${problem}`);
    issues.push(...addressesInside(file, services, `service network ${service_cidr}`));
    if (pod_cidr !== undefined && overlaps(parseNetwork(pod_cidr), services)) {
      say(
        ["cluster", "networking", "service_cidr"],
        `${service_cidr} overlaps with the pod network ${pod_cidr}; give two networks that share no address`,
      );
    }
  }
  return issues;
};

/** Settings of a network plugin are there where it is the cluster's. */
export const networkPlugin: Check = ({ cluster }) => {
  const networking: Readonly<Record<string, unknown>> = cluster?.networking ?? {};
  const { plugin } = networking;
  return Object.values(plugins)
    .filter(({ name, fields }) => fields && name !== plugin && networking[name] !== undefined)
    .map(({ name }) => ({
      path: ["cluster", "networking", name],
      message: `has settings of the network plugin ${name}, and the cluster's is ${String(plugin)}; remove it, or set plugin to ${name}`,
    }));
};

/** The cluster's DNS asks nobody for what it knows itself, and not itself for the rest. */
export const names: Check = ({ cluster }) => {
  const {
    cluster_domain,
    service_cidr,
    dns_servers = [],
    stub_domains,
  } = cluster?.networking ?? {};
  const place = ["cluster", "networking"];
  const issues: Issue[] = [];
  const say = (path: Issue["path"], message: string) => issues.push({ path, message });
  const own = service_cidr && nthAddress(service_cidr, 10);
  const judge = (path: Issue["path"], servers: readonly (string | undefined)[]) =>
    servers.forEach((server, i) => {
      if (server !== own || own === undefined) return;
      say(
        [...path, i],
        `${server} is the cluster's own DNS, the tenth address of ${service_cidr}; give another server`,
      );
    });
  judge([...place, "dns_servers"], dns_servers);
  for (const [domain, servers = []] of Object.entries(stub_domains ?? {})) {
    const at = [...place, "stub_domains", domain];
    judge(at, servers);
    if (cluster_domain === undefined) continue;
    const within = (inner: string, outer: string) => inner === outer || inner.endsWith(`.${outer}`);
    if (within(domain, cluster_domain) || within(cluster_domain, domain))
      say(
        at,
        `${domain} and the cluster's own domain ${cluster_domain} hold one another; give a domain that shares no name with it`,
      );
  }
  return issues;
};

function podNetworkProblem([, prefix]: Network, file: ClusterDraft): string | undefined {
  const nodePrefix = file.cluster?.networking?.node_cidr_mask_size;
  if (nodePrefix === undefined) return undefined;
  const nodes = nodesOf(file).filter(({ node }) =>
    node.roles?.some((role) => role === "master" || role === "worker"),
  ).length;
  const room = prefix > nodePrefix ? 0 : 2 ** (nodePrefix - prefix);
  if (room < nodes) {
    const enough = nodePrefix - Math.ceil(Math.log2(nodes));
    const smaller = nodePrefix < 28 ? ", or a larger node_cidr_mask_size" : "";
    return `has room for ${room} nodes of a /${nodePrefix} each, and there are ${nodes}; give a /${enough} or larger${smaller}`;
  }
  // The controller-manager's limit for networks of one size in another: 16 bits.
  const largest = nodePrefix - 16;
  return prefix < largest ? `is too large; give a /${largest} or smaller` : undefined;
}

function serviceNetworkProblem(network: Network): string | undefined {
  const [, prefix] = network;
  if (prefix > 28) {
    return `has ${Math.max(sizeOf(network) - 2, 0)} usable addresses, and the cluster's DNS takes the tenth; give a /28 or larger`;
  }
  return prefix < 12 ? "is larger than the API server allows; give a /12 or smaller" : undefined;
}

function addressesInside(file: ClusterDraft, network: Network, called: string): Issue[] {
  const { host, vip } = file.cluster?.endpoint ?? {};
  const addresses = [
    ...namesOf({ host }).map((address) => ({ path: ["cluster", "endpoint"], address })),
    ...namesOf({ vip }).map((address) => ({ path: ["cluster", "endpoint", "vip"], address })),
    ...nodesOf(file).flatMap(({ node, index }) => [
      ...(node.ip === undefined ? [] : [{ path: ["nodes", index, "ip"], address: node.ip }]),
      ...addressesIn(node.interfaces).flatMap(({ path, value }) =>
        value === undefined || value === node.ip
          ? []
          : [{ path: ["nodes", index, ...path], address: value }],
      ),
    ]),
  ];
  return addresses
    .filter(({ address }) => /^[\d.]+$/.test(address) && contains(network, parseAddress(address)))
    .map(({ path, address }) => ({
      path,
      message: `${address} lies in the ${called}, which exists only inside the cluster; give another address, or another network`,
    }));
}
