import type { ClusterPlan, NodePlan } from "../config/plan";
import { execStart, renderUnit, resilient } from "./unit";

/** flannel's network: VXLAN between nodes, masquerading by nftables. */
export function flannelNetConf(cluster: ClusterPlan): string {
  const conf = {
    Network: cluster.networking.podCidr,
    EnableNFTables: true,
    Backend: { Type: "vxlan" },
  };
  return JSON.stringify(conf, null, 2) + "\n";
}

/**
 * flanneld as a host unit. It is ready when it has written `/run/flannel/subnet.env`, from which the CNI configuration
 * is made: bridge and host-local are enough, flannel's own CNI plugin is not needed.
 */
export function flannelUnit(node: NodePlan): string {
  return renderUnit({
    Unit: {
      Description: "flannel network",
      Documentation: "https://github.com/flannel-io/flannel",
      After: "network-online.target",
      Wants: "network-online.target",
      StartLimitIntervalSec: 0,
    },
    Service: {
      Type: "notify",
      Environment: `NODE_NAME=${node.name}`,
      ExecStart: execStart("/usr/local/bin/flanneld", {
        "kube-subnet-mgr": "true",
        "kubeconfig-file": "/etc/kubernetes/flanneld.conf",
        "net-config-path": "/etc/kube-flannel/net-conf.json",
        "subnet-file": "/run/flannel/subnet.env",
        iface: node.ip,
        "ip-masq": "true",
      }),
      ExecStartPost: "/usr/local/lib/groundwork/flannel-cni",
      // Without its Node object flanneld waits; that is no failure of the start.
      TimeoutStartSec: 0,
      ...resilient,
    },
    Install: { WantedBy: "multi-user.target" },
  });
}

/** Writes the CNI configuration of this node from the subnet flanneld got. */
export const flannelCniScript = `#!/bin/sh
set -eu
. /run/flannel/subnet.env
# flanneld names the bridge's address; host-local wants the network's. The controller manager hands out /24s.
subnet=\${FLANNEL_SUBNET%.*}.0/24
mkdir -p /etc/cni/net.d
umask 077
cat >/etc/cni/net.d/.10-flannel.new <<END
{
  "cniVersion": "1.0.0",
  "name": "flannel",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cni0",
      "isDefaultGateway": true,
      "hairpinMode": true,
      "mtu": $FLANNEL_MTU,
      "ipam": { "type": "host-local", "ranges": [[{ "subnet": "$subnet" }]] }
    },
    { "type": "portmap", "capabilities": { "portMappings": true }, "snat": true }
  ]
}
END
mv /etc/cni/net.d/.10-flannel.new /etc/cni/net.d/10-flannel.conflist
`;
