import { servicePath } from "../../config/artifacts";
import type { ClusterPlan, NodePlan } from "../../config/plan";
import { execStart, renderUnit, resilient, sandbox } from "../../steps/unit";

/** At which nodes send each other pods' packets, over UDP: Linux's own for VXLAN, which flannel takes. */
export const vxlanPort = 8472;

/** Bytes of each packet between nodes that VXLAN takes. */
export const overhead = 50;

/**
 * flannel's network: VXLAN between nodes, masquerading by nftables.
 * @param mtu of pods; flannel is told that of packets between nodes
 */
export function flannelNetConf(cluster: ClusterPlan, mtu?: number): string {
  const conf = {
    Network: cluster.networking.podCidr,
    EnableNFTables: true,
    Backend: { Type: "vxlan", ...(mtu !== undefined && { MTU: mtu + overhead }) },
  };
  return JSON.stringify(conf, null, 2) + "\n";
}

/** The folder that is all of the machine to flanneld. */
const flannelRoot = "/var/lib/groundwork/flanneld";

/** iptables, by which it looks for what a former flanneld left, may want raw sockets. */
const capabilities = "CAP_NET_ADMIN CAP_NET_RAW CAP_DAC_READ_SEARCH";

/**
 * flanneld as a host unit. It is ready when it has written `/run/flannel/subnet.env`, from which the CNI configuration
 * is made: bridge and host-local are enough, flannel's own CNI plugin is not needed. It asks for the Node's pod network
 * when it starts and never again, and a Node is made anew when the kubelet starts, which has it start anew.
 *
 * It is a user that owns nothing and may change the network. It reads the kubelet's key, which the kubelet renews and root
 * owns: so it may read whatever there is, and there is nothing else.
 */
export function flannelUnit(cluster: ClusterPlan, node: NodePlan): string {
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
      ExecStart: execStart(servicePath("flanneld", cluster.versions), {
        "kube-subnet-mgr": "true",
        // Asks as the node itself, so that Kubernetes lets it change no other.
        "kubeconfig-file": "/etc/kubernetes/kubelet.conf",
        "net-config-path": "/etc/kube-flannel/net-conf.json",
        "subnet-file": "/run/flannel/subnet.env",
        iface: node.ip,
        "ip-masq": "true",
      }),
      // As root and outside of what flanneld is shut in, which `+` alone does not lead out of.
      ExecStartPost: "+/usr/bin/nsenter --target 1 --mount /usr/local/lib/groundwork/flannel-cni",
      // Without its Node object flanneld waits; that is no failure of the start.
      TimeoutStartSec: 0,
      DynamicUser: "yes",
      AmbientCapabilities: capabilities,
      RuntimeDirectory: "flannel",
      // It looks there for the network it had.
      RuntimeDirectoryPreserve: "yes",
      ...resilient,
      ...sandbox(),
      CapabilityBoundingSet: capabilities,
      // Nothing lies there but what systemd puts the following on.
      RootDirectory: flannelRoot,
      // Of the machine, for nsenter: systemd 252 mounts none for what begins with `+`.
      MountAPIVFS: "no",
      BindPaths: "/proc",
      BindReadOnlyPaths: [
        "/usr -/bin -/sbin -/lib -/lib64 /etc/alternatives /run/systemd/notify",
        "/etc/kube-flannel /etc/kubernetes/kubelet.conf /etc/kubernetes/pki/ca.crt /var/lib/kubelet/pki",
      ],
      // Of its own interface, as who may change the network.
      ProtectKernelTunables: "no",
      SystemCallFilter: "@system-service",
    },
    Install: { WantedBy: "multi-user.target" },
  });
}
