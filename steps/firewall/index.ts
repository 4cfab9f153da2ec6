import type { ClusterPlan, NodePlan } from "../../config/plan";
import { drainWithin } from "../ceph-member";
import type { Step } from "../step";
import { renderUnit, unitFile } from "../unit";
import {
  addressesOf,
  closedPorts,
  firewallRules,
  firewallTable,
  portText,
  rulesFile,
} from "./rules";

/** Seconds in which a node leaves, whatever it has to do before. */
const leavesWithin = (cluster: ClusterPlan) => 3600 + (cluster.ceph ? drainWithin : 0);

/** What a node listens at for the cluster is closed to others, by a table of its own. Undone, it is open as before. */
export function firewall(
  cluster: ClusterPlan,
  node: NodePlan,
): Step<"LOST" | "LEAVES_WITHIN" | "CLOSED"> {
  const { etcd, nodes, ceph } = closedPorts(cluster, node);
  return {
    script: "firewall",
    undo: "firewall-off",
    variables: {
      LOST: cluster.nodes
        .filter(({ lost }) => lost)
        .flatMap(addressesOf)
        .map(([address]) => address)
        .join(" "),
      LEAVES_WITHIN: String(leavesWithin(cluster)),
      CLOSED: [...etcd, ...nodes, ...ceph].map(portText).join(" "),
    },
    files: [
      { path: rulesFile, content: firewallRules(cluster, node), mode: "0644" },
      { path: "/usr/local/lib/groundwork/firewall-check", part: "firewall-check", mode: "0755" },
      { ...unitFile("groundwork-firewall", renderUnit(unit)), constant: true },
    ],
  };
}

/** Before the network is up, as all that listens comes after that; and again when Debian's own empties the whole ruleset. */
const unit = {
  Unit: {
    Description: "Groundwork: what the cluster listens at is closed to others",
    Documentation: "man:nft(8)",
    DefaultDependencies: "no",
    After: "local-fs.target systemd-modules-load.service nftables.service",
    Before: "network-pre.target sysinit.target",
    Wants: "network-pre.target",
    PartOf: "nftables.service",
  },
  Service: {
    Type: "oneshot",
    RemainAfterExit: "yes",
    ExecStart: `/usr/sbin/nft -f ${rulesFile}`,
    ExecStop: `-/usr/sbin/nft delete table inet ${firewallTable}`,
    CapabilityBoundingSet: "CAP_NET_ADMIN",
    NoNewPrivileges: "yes",
    ProtectSystem: "strict",
    ProtectHome: "yes",
  },
  Install: { WantedBy: "sysinit.target" },
};
