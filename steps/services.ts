import { servicePath } from "../config/artifacts";
import { plugins } from "../networks";
import { admissionClient, admissionProgram } from "./control-plane/admission";

const pki = "/etc/kubernetes/pki";
const etcd = "/etc/etcd/pki";
const programs = "/usr/local/bin";

/** Beside the programs of Kubernetes themselves, and without those of network plugins. */
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
} satisfies Record<string, readonly string[]>;

/** Those of which versions lie beside each other. */
const versioned: readonly string[] = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
  "kube-proxy",
];

const all = (): ReadonlyMap<string, readonly string[]> =>
  new Map([
    ...Object.entries(fixed),
    ...Object.values(plugins).flatMap(({ services }) =>
      services.map(({ name, reads }) => [name, reads] as const),
    ),
  ]);

/** Services of ours that keep what they have read. */
export const readers = (): readonly string[] => [...all().keys()];

/**
 * What each service reads when it starts, beside its unit file; folders stand for what lies in them. Where one of these is
 * newer than the service, the service starts anew (`files_of` in steps/lib/lib.sh). Some programs look at some of these files
 * again by themselves; none is left out for it.
 */
export function reads(service: string, kubernetesVersion: string): readonly string[] {
  const program = versioned.includes(service) ? [servicePath(service, kubernetesVersion)] : [];
  const files = all().get(service);
  if (files === undefined) throw new Error(`nothing says what ${service} reads`);
  return [...program, ...files];
}
