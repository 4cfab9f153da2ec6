import type { ClusterPlan, NodePlan } from "../../config/plan";
import type { NodeFile } from "../program";
import { execStart, renderUnit, resilient } from "../unit";

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
 * is made: bridge and host-local are enough, flannel's own CNI plugin is not needed. It asks for the Node's pod network
 * when it starts and never again, and a Node is made anew when the kubelet starts, which has it start anew.
 */
export function flannelUnit(node: NodePlan): string {
  return renderUnit({
    Unit: {
      Description: "flannel network",
      Documentation: "https://github.com/flannel-io/flannel",
      After: "network-online.target kubelet.service",
      Wants: "network-online.target",
      StartLimitIntervalSec: 0,
    },
    Service: {
      Type: "notify",
      Environment: `NODE_NAME=${node.name}`,
      ExecStart: execStart("/usr/local/bin/flanneld", {
        "kube-subnet-mgr": "true",
        // Asks as the node itself, so that Kubernetes lets it change no other.
        "kubeconfig-file": "/etc/kubernetes/kubelet.conf",
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

/**
 * A network namespace on every node in which no process runs, at the last address of the node's pod network: it is made
 * and reached as pods are, so that whoever looks from there sees what pods see.
 */
export const probeNamespace = "groundwork-probe";

/**
 * What `ip netns exec` shows there in the place of the machine's own files: the cluster's names, asked of CoreDNS alone.
 * `kubernetes.default` leads to the API's Service without DNS, `kubernetes.default.svc` by DNS.
 */
export function probeFiles({ networking }: ClusterPlan): NodeFile[] {
  const contents = {
    "resolv.conf": `nameserver ${networking.dnsServiceIp}
search ${networking.clusterDomain}
options ndots:5 timeout:1 attempts:2
`,
    hosts: `${networking.apiServiceIp} kubernetes.default\n`,
    "nsswitch.conf": "hosts: files dns\n",
  };
  return Object.entries(contents).map(([name, content]) => ({
    path: `/etc/netns/${probeNamespace}/${name}`,
    content,
  }));
}

/**
 * Makes the node's pods follow the subnet that flanneld got: writes the CNI configuration, takes pods off a former
 * network, makes the probe's namespace. Fails when the Node has another pod network: systemd then starts flanneld anew.
 */
export const flannelCniScript = `#!/bin/sh
set -eu
. /run/flannel/subnet.env
# flanneld names the bridge's address; host-local wants the network's. The controller manager hands out /24s.
network=\${FLANNEL_SUBNET%.*}
bridge='"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "hairpinMode": true, "mtu": '$FLANNEL_MTU
mkdir -p /etc/cni/net.d
umask 077
cat >/etc/cni/net.d/.10-flannel.new <<END
{
  "cniVersion": "1.0.0",
  "name": "flannel",
  "plugins": [
    {
      $bridge,
      "ipam": { "type": "host-local", "ranges": [[{ "subnet": "$network.0/24", "rangeEnd": "$network.253" }]] }
    },
    { "type": "portmap", "capabilities": { "portMappings": true }, "snat": true }
  ]
}
END
mv /etc/cni/net.d/.10-flannel.new /etc/cni/net.d/10-flannel.conflist

# A Node that was deleted and made anew has another pod network: what is on the former one is cut off.
if [ -e /sys/class/net/cni0 ] && ip -json -4 address show dev cni0 |
  jq -e --arg network "$network." 'any(.[].addr_info[]; .local | startswith($network) | not)' >/dev/null; then
  ip link delete cni0
fi
# Without its sandbox the kubelet makes a pod anew. host-local keeps a file for each address, which begins with the sandbox's id.
for address in /var/lib/cni/networks/flannel/*.*.*.*; do
  case \${address##*/} in "$network".* | '*'*) continue ;; esac
  ctr --namespace k8s.io tasks kill --signal SIGKILL "$(head -n 1 "$address" | tr -d '\\r')" || true
done

ip netns delete ${probeNamespace} 2>/dev/null || true
ip netns add ${probeNamespace}
export CNI_COMMAND=ADD CNI_CONTAINERID=${probeNamespace} CNI_NETNS=/run/netns/${probeNamespace} CNI_IFNAME=eth0 CNI_PATH=/usr/lib/cni
made=$(/usr/lib/cni/bridge <<END
{ "cniVersion": "1.0.0", "name": "flannel", $bridge, "ipam": { "type": "static", "addresses": [{ "address": "$network.254/24", "gateway": "$network.1" }] } }
END
) || { echo "$made" >&2; exit 1; }
# The probe takes a refused connection for an answer: a firewall on the way that refuses with ICMP must not look like one.
ip netns exec ${probeNamespace} nft -f - <<END
table ip groundwork {
  chain input {
    type filter hook input priority 0;
    icmp type destination-unreachable icmp code != 4 drop
  }
}
END

# flanneld asks once, and an API server that was behind may have told it of a Node that is no more.
given=$(curl --silent --noproxy '*' --fail --max-time 5 --cacert /etc/kubernetes/pki/ca.crt --cert /var/lib/kubelet/pki/kubelet-client-current.pem \\
  "https://127.0.0.1:6443/api/v1/nodes/$NODE_NAME" | jq -r '.spec.podCIDR // empty')
[ "\${given:-$network.0/24}" = "$network.0/24" ] || {
  echo "flanneld has $network.0/24, Kubernetes gave $given: asking again" >&2
  exit 1
}
`;
