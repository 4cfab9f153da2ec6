import type { ClusterPlan } from "../../config/plan";
import { ports } from "../../config/ports";
import { powerless, renderUnit, resilient, sandbox } from "../unit";

/**
 * haproxy on a worker: the API is at https://127.0.0.1:6443 there too, whichever masters live. What it passes on it does not
 * read; whom it may pass it to it asks itself: who has the certificate of the API server of just that master, and is ready. One that
 * ends says so two seconds before (`shutdown-delay-duration` in steps/control-plane/units.ts), and is left within 1.2. Who
 * refuses a connection is asked at once, and the connection goes to the next: by default, only the last try of three does, each
 * a second after the one before.
 */
export function haproxyConfig(cluster: ClusterPlan): string {
  const servers = cluster.masters.map(
    (master) => `  server ${master.name} ${master.ip}:${ports.apiServer} verifyhost ${master.name}`,
  );
  return `global
  maxconn 4096

defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
  timeout check 2s

listen kube-apiserver
  bind 127.0.0.1:${ports.apiServer}
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
  option redispatch 1
  retries 3
  default-server check check-ssl verify required ca-file /etc/kubernetes/pki/ca.crt inter 1s fastinter 200ms fall 2 rise 1 on-marked-down shutdown-sessions observe layer4 error-limit 1 on-error sudden-death
${servers.join("\n")}
`;
}

export function apiProxyUnit(): string {
  return renderUnit({
    Unit: {
      Description: "Proxy to the Kubernetes API servers",
      After: "network-online.target",
      Wants: "network-online.target",
      StartLimitIntervalSec: 0,
    },
    Service: {
      Type: "notify",
      ExecStart: "/usr/sbin/haproxy -Ws -f /etc/kubernetes/haproxy.cfg",
      // Its configuration holds no secret, and its port is nobody's privilege.
      DynamicUser: "yes",
      ...resilient,
      ...sandbox(),
      ...powerless,
    },
    Install: { WantedBy: "multi-user.target" },
  });
}
