import { servicePath } from "../../config/artifacts";
import { ports } from "../../config/ports";
import type { ClusterPlan, NodePlan } from "../../config/plan";
import { execStart, renderUnit, resilient, sandbox } from "../unit";

/**
 * etcd as a systemd unit. Membership (`initial-cluster*`) stays in an environment file that only a member without data
 * reads, so that a master that comes or goes changes no other master's unit. Settings are flags, where CIS checks look.
 */
export function etcdUnit(cluster: ClusterPlan, node: NodePlan): string {
  const pki = "/etc/etcd/pki";
  return renderUnit({
    Unit: {
      Description: "etcd",
      Documentation: "https://etcd.io",
      After: "network-online.target",
      Wants: "network-online.target",
      StartLimitIntervalSec: 0,
    },
    Service: {
      Type: "notify",
      User: "etcd",
      Group: "etcd",
      EnvironmentFile: "/etc/etcd/initial.env",
      ExecStart: execStart(servicePath("etcd", cluster.versions), {
        name: node.name,
        "data-dir": "/var/lib/etcd",
        "listen-client-urls": ["127.0.0.1", node.ip]
          .map((ip) => `https://${ip}:${ports.etcdClient}`)
          .join(","),
        "advertise-client-urls": `https://${node.ip}:${ports.etcdClient}`,
        "listen-peer-urls": `https://${node.ip}:${ports.etcdPeer}`,
        "initial-advertise-peer-urls": `https://${node.ip}:${ports.etcdPeer}`,
        "listen-metrics-urls": "http://127.0.0.1:2381",
        "client-cert-auth": "true",
        "trusted-ca-file": `${pki}/ca.crt`,
        "cert-file": `${pki}/server.crt`,
        "key-file": `${pki}/server.key`,
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": `${pki}/ca.crt`,
        "peer-cert-file": `${pki}/peer.crt`,
        "peer-key-file": `${pki}/peer.key`,
        "snapshot-count": "10000",
        "watch-progress-notify-interval": "5s",
        "feature-gates": "InitialCorruptCheck=true",
        // All other masters of a birth at once (steps/genesis), and some that come later.
        "max-learners": "8",
        "auto-compaction-retention": "1h",
        ...cluster.kubernetes.extraArgs.etcd,
      }),
      TimeoutStartSec: 0,
      OOMScoreAdjust: -999,
      ...resilient,
      ...sandbox(["/var/lib/etcd"]),
    },
    Install: { WantedBy: "multi-user.target" },
  });
}
