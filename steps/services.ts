import { servicePath, type Versions } from "../config/artifacts";
import { plugins } from "../networks";
import { admissionClient, admissionProgram } from "./control-plane/admission";

const pki = "/etc/kubernetes/pki";
const etcd = "/etc/etcd/pki";

/** Beside the programs themselves of which versions lie beside each other, and without those of network plugins. */
const fixed = {
  etcd: [
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
  "etcd",
];

const ofPlugins = () => Object.values(plugins).flatMap(({ services }) => services);

/** Services of ours that keep what they have read. */
export const readers = (): readonly string[] => [
  ...Object.keys(fixed),
  ...ofPlugins().map(({ name }) => name),
];

/**
 * What each service reads when it starts, beside its unit file; folders stand for what lies in them. Where one of these is
 * newer than the service, the service starts anew (`files_of` in steps/lib/lib.sh). Some programs look at some of these files
 * again by themselves; none is left out for it, but the keys of Secrets: they change one after the other, and nobody shall wait for three restarts.
 */
export function reads(service: string, versions: Versions): readonly string[] {
  const ofPlugin = ofPlugins().find(({ name }) => name === service);
  if (ofPlugin) return ofPlugin.reads(versions);
  const files = new Map<string, readonly string[]>(Object.entries(fixed)).get(service);
  if (files === undefined) throw new Error(`nothing says what ${service} reads`);
  return versioned.includes(service) ? [servicePath(service, versions), ...files] : files;
}
