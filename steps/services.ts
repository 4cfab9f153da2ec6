import { servicePath } from "../config/artifacts";
import { admissionClient, admissionProgram } from "./control-plane/admission";

const pki = "/etc/kubernetes/pki";
const etcd = "/etc/etcd/pki";
const programs = "/usr/local/bin";

/** Beside the programs of Kubernetes themselves. */
const fixed = {
  etcd: [
    `${programs}/etcd`,
    `${etcd}/ca.crt`,
    `${etcd}/server.crt`,
    `${etcd}/server.key`,
    `${etcd}/peer.crt`,
    `${etcd}/peer.key`,
  ],
  "kube-apiserver": [
    "/etc/kubernetes/admission.yaml",
    "/etc/kubernetes/audit-policy.yaml",
    "/etc/kubernetes/authentication.yaml",
    "/etc/kubernetes/encryption.yaml",
    `${pki}/ca.crt`,
    `${pki}/kubelet-serving-ca.crt`,
    `${pki}/apiserver.crt`,
    `${pki}/apiserver.key`,
    `${pki}/apiserver-kubelet-client.crt`,
    `${pki}/apiserver-kubelet-client.key`,
    `${pki}/apiserver-etcd-client.crt`,
    `${pki}/apiserver-etcd-client.key`,
    `${pki}/etcd/ca.crt`,
    `${pki}/front-proxy-ca.crt`,
    `${pki}/front-proxy-client.crt`,
    `${pki}/front-proxy-client.key`,
    `${pki}/sa.pub`,
    `${pki}/sa.key`,
  ],
  "kube-controller-manager": [
    "/etc/kubernetes/controller-manager.conf",
    `${pki}/ca.crt`,
    `${pki}/ca.key`,
    `${pki}/kubelet-serving-ca.crt`,
    `${pki}/kubelet-serving-ca.key`,
    `${pki}/sa.key`,
    `${pki}/front-proxy-ca.crt`,
    `${pki}/apiserver.crt`,
    `${pki}/apiserver.key`,
  ],
  "kube-scheduler": [
    "/etc/kubernetes/scheduler.conf",
    `${pki}/ca.crt`,
    `${pki}/front-proxy-ca.crt`,
    `${pki}/apiserver.crt`,
    `${pki}/apiserver.key`,
  ],
  "groundwork-admission": [...admissionProgram, `${pki}/ca.crt`, admissionClient],
  "kube-api-proxy": ["/etc/kubernetes/haproxy.cfg", `${pki}/ca.crt`],
  kubelet: [
    "/var/lib/kubelet/config.yaml",
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/kubelet.conf.d",
    `${pki}/ca.crt`,
  ],
  "kube-proxy": ["/etc/kubernetes/kube-proxy.conf"],
  flanneld: [
    `${programs}/flanneld`,
    "/etc/kubernetes/kubelet.conf",
    `${pki}/ca.crt`,
    "/etc/kube-flannel/net-conf.json",
    "/usr/local/lib/groundwork/flannel-cni",
  ],
} satisfies Record<string, readonly string[]>;

/** Those of which versions lie beside each other. */
const versioned: readonly string[] = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
  "kube-proxy",
];

/** A service of ours that keeps what it has read. */
export type Reader = keyof typeof fixed;

export const readers = Object.keys(fixed) as readonly Reader[];

/**
 * What each service reads when it starts, beside its unit file; folders stand for what lies in them. Where one of these is
 * newer than the service, the service starts anew (`files_of` in steps/lib/lib.sh). Some programs look at some of these files
 * again by themselves; none is left out for it.
 */
export function reads(service: Reader, kubernetesVersion: string): readonly string[] {
  const program = versioned.includes(service) ? [servicePath(service, kubernetesVersion)] : [];
  return [...program, ...fixed[service]];
}
