import { servicePath } from "../../config/artifacts";
import { defaultMaxPods, podRoom } from "../../config/kubelet/pods";
import type { ClusterPlan, NodePlan } from "../../config/plan";
import { localApi } from "../../config/ports";
import { pluginOf } from "../../networks";
import { tlsCipherSuites } from "../lib/tls";
import { execStart, renderUnit, resilient } from "../unit";
import { stringify } from "yaml";

/**
 * What every node's kubelet is told. What depends on the machine (cgroup driver, resolver) the kubelet step writes to
 * the drop-in `/etc/kubernetes/kubelet.conf.d/00-facts.conf`; operators' own drop-ins come after it.
 */
export function kubeletConfiguration(cluster: ClusterPlan, node: NodePlan): string {
  const room = podRoom(cluster.networking.nodeCidrMaskSize);
  return stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: "/etc/kubernetes/pki/ca.crt" },
    },
    authorization: { mode: "Webhook" },
    clusterDNS: [cluster.networking.dnsServiceIp],
    clusterDomain: cluster.networking.clusterDomain,
    containerRuntimeEndpoint: "unix:///run/containerd/containerd.sock",
    eventRecordQPS: 50,
    healthzBindAddress: "127.0.0.1",
    readOnlyPort: 0,
    rotateCertificates: true,
    serverTLSBootstrap: true,
    registerWithTaints: node.taints.map((taint) => ({ ...taint, value: taint.value ?? "" })),
    protectKernelDefaults: true,
    seccompDefault: true,
    podPidsLimit: 4096,
    streamingConnectionIdleTimeout: "4h0m0s",
    makeIPTablesUtilChains: true,
    tlsMinVersion: "VersionTLS12",
    tlsCipherSuites,
    shutdownGracePeriod: "30s",
    shutdownGracePeriodCriticalPods: "10s",
    ...(room < defaultMaxPods ? { maxPods: room } : {}),
    // What the file leaves out of a mapping of thresholds stays Kubernetes' default.
    mergeDefaultEvictionSettings: true,
    ...node.kubelet.config,
  });
}

export function kubeletUnit(cluster: ClusterPlan, node: NodePlan): string {
  const { versions } = cluster;
  const { withKubelet } = pluginOf(cluster);
  return renderUnit({
    Unit: {
      Description: "Kubernetes kubelet",
      Documentation: "https://kubernetes.io/docs",
      After: "network-online.target containerd.service",
      Wants: "network-online.target containerd.service",
      StartLimitIntervalSec: 0,
    },
    Service: {
      Environment: "KUBELET_EXTRA_ARGS=",
      EnvironmentFile: "-/etc/default/kubelet",
      ExecStart: execStart(
        servicePath("kubelet", versions),
        {
          config: "/var/lib/kubelet/config.yaml",
          "config-dir": "/etc/kubernetes/kubelet.conf.d",
          kubeconfig: "/etc/kubernetes/kubelet.conf",
          "hostname-override": node.name,
          "node-ip": node.ip,
          ...node.kubelet.extraArgs,
        },
        "$KUBELET_EXTRA_ARGS",
      ),
      // Which makes the Node anew where it was deleted: with another pod network. Not started by this: one that comes before
      // the Node may look again after seconds only.
      ...(withKubelet !== undefined && {
        ExecStartPost: `-/usr/bin/systemctl try-restart --no-block ${withKubelet}.service`,
      }),
      // Pods outlive a restart of the kubelet.
      KillMode: "process",
      CPUAccounting: "true",
      MemoryAccounting: "true",
      // No UMask: the folders that a kubelet makes inside volumes belong to pods of any user. What is its own it makes
      // private itself, and /var/lib/kubelet is entered by root alone.
      ...resilient,
    },
    Install: { WantedBy: "multi-user.target" },
  });
}

/** The kubelet's own kubeconfig: it holds no secret, only the path of the certificate the kubelet renews itself. */
export function kubeletKubeconfig(): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "local",
        cluster: {
          server: localApi,
          "certificate-authority": "/etc/kubernetes/pki/ca.crt",
        },
      },
    ],
    users: [
      {
        name: "kubelet",
        user: {
          "client-certificate": "/var/lib/kubelet/pki/kubelet-client-current.pem",
          "client-key": "/var/lib/kubelet/pki/kubelet-client-current.pem",
        },
      },
    ],
    contexts: [{ name: "default", context: { cluster: "local", user: "kubelet" } }],
    "current-context": "default",
  });
}

/** kube-proxy; its mode nftables needs Linux 5.13. */
export function kubeProxyUnit(cluster: ClusterPlan, node: NodePlan): string {
  const { mode, nodePortAddresses } = cluster.kubernetes.kubeProxy;
  return renderUnit({
    Unit: {
      Description: "Kubernetes service proxy",
      Documentation: "https://kubernetes.io/docs",
      After: "network-online.target",
      Wants: "network-online.target",
      StartLimitIntervalSec: 0,
    },
    Service: {
      Environment: "KUBE_PROXY_EXTRA_ARGS=",
      EnvironmentFile: "-/etc/default/kube-proxy",
      ExecStart: execStart(
        servicePath("kube-proxy", cluster.versions),
        {
          kubeconfig: "/etc/kubernetes/kube-proxy.conf",
          "hostname-override": node.name,
          "proxy-mode": mode,
          "cluster-cidr": cluster.networking.podCidr,
          ...(nodePortAddresses.length > 0 && {
            "nodeport-addresses": nodePortAddresses.join(","),
          }),
          "metrics-bind-address": "127.0.0.1:10249",
          ...cluster.kubernetes.extraArgs["kube-proxy"],
        },
        "$KUBE_PROXY_EXTRA_ARGS",
      ),
      ...resilient,
      NoNewPrivileges: "yes",
      ProtectSystem: "full",
      ProtectHome: "yes",
      PrivateTmp: "yes",
    },
    Install: { WantedBy: "multi-user.target" },
  });
}
