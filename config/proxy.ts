import { namesOf } from "./endpoint";
import { contains, parseAddress, parseNetwork } from "./ipv4";
import type { ClusterFile } from "./schema";

/** By which proxies nodes get what comes from elsewhere, and what they ask directly. */
export interface ProxyPlan {
  readonly http?: string;
  readonly https?: string;
  /** As programs take it: names, domains, addresses and networks between commas. */
  readonly noProxy: string;
}

/**
 * The proxy of the file. What is asked directly is the node itself, what lives in the cluster, and what the file names; not
 * other nodes, which nothing that takes a proxy asks: a list of them would make each new node a change of all others.
 */
export function deriveProxy(cluster: ClusterFile["cluster"]): ProxyPlan | undefined {
  const { proxy, networking, endpoint, artifacts } = cluster;
  if (proxy === undefined) return undefined;
  const direct = [
    "localhost",
    "127.0.0.1",
    "127.0.0.0/8",
    ".svc",
    `.${networking.cluster_domain}`,
    networking.pod_cidr,
    networking.service_cidr,
    ...namesOf({ host: endpoint?.host, vip: endpoint?.vip }),
    ...proxy.no_proxy,
  ];
  // Ubuntu 22.04's curl knows no networks.
  const mirror = artifacts.base_url && new URL(artifacts.base_url).hostname;
  const within = mirror !== undefined && proxy.no_proxy.some((one) => holds(one, mirror));
  return {
    ...(proxy.http !== undefined && { http: proxy.http }),
    ...(proxy.https !== undefined && { https: proxy.https }),
    noProxy: [...new Set([...direct, ...(within ? [mirror] : [])])].join(","),
  };
}

function holds(network: string, host: string): boolean {
  return (
    network.includes("/") &&
    /^[\d.]+$/.test(host) &&
    contains(parseNetwork(network), parseAddress(host))
  );
}
