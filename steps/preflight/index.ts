import type { ClusterPlan, NodePlan } from "../../config/plan";
import { pluginOf, plugins } from "../../networks";
import { foreign } from "../../networks/foreign";
import { proxyWords } from "../lib/proxy";
import { packagesOf } from "../prepare";
import { kernelModules, sysctls } from "../prepare/files";
import type { Step } from "../step";

/** Whether a machine is fit and free. Writes nothing that stays; prints the machine's facts. */
export function preflight({
  cluster,
  node,
}: {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
}): Step<
  | "ROLES"
  | "ARCHITECTURE"
  | "MAC_ADDRESSES"
  | "TIME_SOURCE"
  | "PREFLIGHT_ALLOW"
  | "PACKAGES"
  | "MODULES"
  | "SYSCTLS"
  | "PROXY"
  | "PROXY_MODE"
  | "CNI_FILE"
  | "REACHED"
  | "NETWORK_LINKS"
  | "FOREIGN_LINKS"
  | "NETWORK_TABLES"
  | "NETWORK_CHAINS"
  | "POD_CIDR"
  | "SERVICE_CIDR"
> {
  const [artifact] = node.artifacts;
  const network = pluginOf(cluster);
  // Nobody knows what that of an operator will be.
  const own = network.later ? undefined : network.traces;
  const others = [
    ...Object.values(plugins).flatMap(({ later, traces }) =>
      later || traces === own ? [] : [traces],
    ),
    foreign,
  ];
  const all = [...(own ? [own] : []), ...others];
  return {
    script: "preflight",
    variables: {
      ROLES: node.roles.join(" "),
      ARCHITECTURE: node.architecture,
      MAC_ADDRESSES: node.macAddresses.join(" "),
      // Everything is downloaded from few hosts: they have to be reached, and know the time.
      TIME_SOURCE: artifact ? new URL(artifact.url).origin : "",
      // CoreDNS asks those of the file, where it has any.
      PREFLIGHT_ALLOW: [
        ...cluster.preflightAllow,
        ...(cluster.networking.dnsServers.length > 0 ? ["resolver"] : []),
      ].join(" "),
      PROXY: proxyWords(cluster.proxy),
      PROXY_MODE: cluster.kubernetes.kubeProxy.mode,
      PACKAGES: packagesOf(node, cluster).join(" "),
      MODULES: modulesOf(cluster).join(" "),
      CNI_FILE: network.configuration ?? "",
      REACHED: network.reached,
      NETWORK_LINKS: (own?.links ?? []).join(" "),
      FOREIGN_LINKS: others.flatMap(({ links }) => links).join(" "),
      NETWORK_TABLES: all.flatMap(({ tables }) => tables).join("|"),
      NETWORK_CHAINS: all.flatMap(({ chains }) => chains).join("|"),
      POD_CIDR: cluster.networking.podCidr,
      SERVICE_CIDR: cluster.networking.serviceCidr,
      SYSCTLS: sysctls.trim().replaceAll(" = ", "=").replaceAll("\n", " "),
    },
    publicOutput: true,
    onForeignMachine: true,
  };
}

/** What a kernel must have: what is loaded by name, what kube-proxy's rules load, and what mounts volumes of Ceph. */
function modulesOf(cluster: ClusterPlan): string[] {
  const others = ["nf_tables", "nft_chain_nat", ...(cluster.ceph?.csi ? ["rbd"] : [])];
  return [...kernelModules(cluster), ...others];
}
