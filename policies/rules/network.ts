import type { ResourceValidationPolicy } from "@pulumi/policy";
import { contains, overlaps, parseAddress, parseNetwork } from "../../config/ipv4";
import { known, validateCluster } from "../judge";

const disjointNetworks: ResourceValidationPolicy = {
  name: "disjoint-networks",
  description: "Pods, Services and machines share no address.",
  enforcementLevel: "mandatory",
  validateResource: validateCluster((cluster, report) => {
    const { name, podCidr, serviceCidr, nodes } = cluster;
    const inside = [
      { key: "pod_cidr", cidr: podCidr },
      { key: "service_cidr", cidr: serviceCidr },
    ];
    if (overlaps(parseNetwork(podCidr), parseNetwork(serviceCidr))) {
      report(
        `${name}: pod network ${podCidr} and service network ${serviceCidr} overlap; ` +
          "give cluster.networking.pod_cidr and service_cidr two networks that share no address",
      );
    }
    // Another resource may make the machine: then its address is judged at `up`.
    const addresses = [
      ...nodes.map((node) => ({ name: node.name, ip: known(() => node.ip) })),
      { name: `endpoint of ${name}`, ip: known(() => cluster.endpoint) },
    ];
    for (const { name, ip } of addresses) {
      if (typeof ip !== "string" || !/^[\d.]+$/.test(ip)) continue;
      for (const { key, cidr } of inside) {
        if (!contains(parseNetwork(cidr), parseAddress(ip))) continue;
        report(
          `${name}: address ${ip} lies in ${cidr}, which exists only inside the cluster; give cluster.networking.${key} another network`,
        );
      }
    }
  }),
};

export const network = [disjointNetworks];
