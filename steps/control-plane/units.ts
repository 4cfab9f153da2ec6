import { tlsCipherSuites } from "../lib/tls";
import type { ClusterPlan, NodePlan } from "../../config/plan";
import { servicePath } from "../../config/artifacts";
import { ports } from "../../config/ports";
import { signingFolder } from "../authorities";
import { execStart, renderUnit, resilient, sandbox } from "../unit";

const pki = "/etc/kubernetes/pki";

function daemon(
  description: string,
  command: string,
  writable: readonly string[],
  after: string,
  service: Readonly<Record<string, string>> = {},
) {
  return renderUnit({
    Unit: {
      Description: description,
      Documentation: "https://kubernetes.io/docs",
      After: `network-online.target ${after}`,
      Wants: "network-online.target",
      StartLimitIntervalSec: 0,
    },
    Service: { ExecStart: command, ...service, ...resilient, ...sandbox(writable) },
    Install: { WantedBy: "multi-user.target" },
  });
}

/**
 * How the API server ends: it answers what it was asked, listens no more, and then waits for two seconds for connections that are
 * open, which watches keep open. Its address is away for so long and nobody is served: so it is killed there.
 */
const stopsAtOnce = {
  ExecStop: `-/bin/bash -c 'kill -TERM $MAINPID; while kill -0 $MAINPID && ss -Hltn sport = :${ports.apiServer} | grep -q .; do sleep 0.05; done'`,
  KillSignal: "SIGKILL",
  SuccessExitStatus: "SIGKILL",
};

/** kube-apiserver of one master. It talks to its own etcd only, so that its unit does not know the other masters. */
export function apiServerUnit(cluster: ClusterPlan, node: NodePlan): string {
  const { apiServer, extraArgs } = cluster.kubernetes;
  const flags = {
    "advertise-address": node.ip,
    "secure-port": String(ports.apiServer),
    "allow-privileged": "true",
    "authorization-mode": "Node,RBAC",
    "enable-admission-plugins": ["NodeRestriction", ...apiServer.admissionPlugins].join(","),
    "admission-control-config-file": "/etc/kubernetes/admission.yaml",
    "enable-bootstrap-token-auth": "true",
    "authentication-config": "/etc/kubernetes/authentication.yaml",
    "client-ca-file": `${pki}/ca.crt`,
    "tls-cert-file": `${pki}/apiserver.crt`,
    "tls-private-key-file": `${pki}/apiserver.key`,
    "tls-min-version": "VersionTLS12",
    "tls-cipher-suites": tlsCipherSuites.join(","),
    "etcd-servers": `https://127.0.0.1:${ports.etcdClient}`,
    "etcd-cafile": `${pki}/etcd/ca.crt`,
    "etcd-certfile": `${pki}/apiserver-etcd-client.crt`,
    "etcd-keyfile": `${pki}/apiserver-etcd-client.key`,
    "encryption-provider-config": "/etc/kubernetes/encryption.yaml",
    // It reads its keys anew, once a minute: they can change without a restart.
    "encryption-provider-config-automatic-reload": "true",
    "kubelet-client-certificate": `${pki}/apiserver-kubelet-client.crt`,
    "kubelet-client-key": `${pki}/apiserver-kubelet-client.key`,
    "kubelet-certificate-authority": `${pki}/kubelet-serving-ca.crt`,
    "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
    "service-cluster-ip-range": cluster.networking.serviceCidr,
    "service-account-issuer": `https://kubernetes.default.svc.${cluster.networking.clusterDomain}`,
    "service-account-key-file": `${pki}/sa.pub`,
    "service-account-signing-key-file": `${pki}/sa.key`,
    "service-account-extend-token-expiration": "false",
    "requestheader-client-ca-file": `${pki}/front-proxy-ca.crt`,
    "requestheader-allowed-names": "front-proxy-client",
    "requestheader-username-headers": "X-Remote-User",
    "requestheader-group-headers": "X-Remote-Group",
    "requestheader-extra-headers-prefix": "X-Remote-Extra-",
    "proxy-client-cert-file": `${pki}/front-proxy-client.crt`,
    "proxy-client-key-file": `${pki}/front-proxy-client.key`,
    "audit-policy-file": "/etc/kubernetes/audit-policy.yaml",
    "audit-log-path": "/var/log/kubernetes/audit.log",
    "audit-log-maxage": "30",
    "audit-log-maxbackup": "10",
    "audit-log-maxsize": "100",
    // It is not ready first, and serves on until proxies have seen it: when it starts anew its port takes connections long before it
    // is ready, and who waits there is told that he may do nothing.
    "shutdown-delay-duration": "2s",
    // It listens until the last request is answered, and ends two seconds later; else connections of others hold up its end for a minute.
    "shutdown-send-retry-after": "true",
    profiling: "false",
    ...extraArgs["kube-apiserver"],
  };
  return daemon(
    "Kubernetes API server",
    execStart(servicePath("kube-apiserver", cluster.versions), flags),
    ["/var/log/kubernetes"],
    "etcd.service",
    // What it has yet to say to an audit webhook it says then.
    "audit-webhook-config-file" in extraArgs["kube-apiserver"] ? {} : stopsAtOnce,
  );
}

/** Flags by which controller manager and scheduler serve their own health and metrics, on this machine only. */
const served = {
  "bind-address": "127.0.0.1",
  "tls-cert-file": `${pki}/apiserver.crt`,
  "tls-private-key-file": `${pki}/apiserver.key`,
  "client-ca-file": `${pki}/ca.crt`,
  "requestheader-client-ca-file": `${pki}/front-proxy-ca.crt`,
  "leader-elect": "true",
  profiling: "false",
};

function kubeconfigs(file: string) {
  return {
    kubeconfig: file,
    "authentication-kubeconfig": file,
    "authorization-kubeconfig": file,
  };
}

/** By whom the controller manager has a kind of request signed. A kind without an authority is signed by nobody. */
function signedBy(kind: string, authority: string, folder: string) {
  return {
    [`cluster-signing-${kind}-cert-file`]: `${folder}/${authority}.crt`,
    [`cluster-signing-${kind}-key-file`]: `${folder}/${authority}.key`,
  };
}

/** kube-controller-manager; signs certificates, cleans up tokens, hands out a part of the pod network to each node. */
export function controllerManagerUnit(cluster: ClusterPlan): string {
  // Where others are trusted, too, the authority that signs has a file of its own.
  const signs = cluster.kubernetes.rotations.authorities > 1 ? signingFolder : pki;
  const flags = {
    ...served,
    ...kubeconfigs("/etc/kubernetes/controller-manager.conf"),
    "allocate-node-cidrs": "true",
    "cluster-cidr": cluster.networking.podCidr,
    "node-cidr-mask-size": String(cluster.networking.nodeCidrMaskSize),
    "cluster-name": cluster.name,
    ...signedBy("kubelet-serving", "kubelet-serving-ca", signs),
    ...signedBy("kubelet-client", "ca", signs),
    ...signedBy("kube-apiserver-client", "ca", signs),
    controllers: "*,bootstrapsigner,tokencleaner",
    "root-ca-file": `${pki}/ca.crt`,
    "service-account-private-key-file": `${pki}/sa.key`,
    "service-cluster-ip-range": cluster.networking.serviceCidr,
    "terminated-pod-gc-threshold": "1000",
    "use-service-account-credentials": "true",
    ...cluster.kubernetes.extraArgs["kube-controller-manager"],
  };
  const program = servicePath("kube-controller-manager", cluster.versions);
  const command = execStart(program, flags);
  return daemon("Kubernetes controller manager", command, [], "kube-apiserver.service");
}

export function schedulerUnit(cluster: ClusterPlan): string {
  const flags = {
    ...served,
    ...kubeconfigs("/etc/kubernetes/scheduler.conf"),
    ...cluster.kubernetes.extraArgs["kube-scheduler"],
  };
  const program = servicePath("kube-scheduler", cluster.versions);
  const command = execStart(program, flags);
  return daemon("Kubernetes scheduler", command, [], "kube-apiserver.service");
}
