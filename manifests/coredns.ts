import type { types } from "@pulumi/kubernetes";
import { readFileSync } from "fs";
import { join } from "path";
import { parseAllDocuments } from "yaml";

/** The objects of `coredns.yaml`, by kind. */
interface CoreDns {
  readonly ServiceAccount: types.input.core.v1.ServiceAccount;
  readonly ClusterRole: types.input.rbac.v1.ClusterRole;
  readonly ClusterRoleBinding: types.input.rbac.v1.ClusterRoleBinding;
  readonly ConfigMap: types.input.core.v1.ConfigMap;
  readonly Service: types.input.core.v1.Service;
  readonly Deployment: types.input.apps.v1.Deployment;
}

export interface CoreDnsArgs {
  /** Domain of the names inside the cluster. */
  readonly clusterDomain: string;
  /** Address of the Service, which pods are told. */
  readonly serviceIp: string;
  readonly image: string;
}

/** CoreDNS's objects with what a cluster decides itself. */
export function coreDns({ clusterDomain, serviceIp, image }: CoreDnsArgs): CoreDns {
  const own: Readonly<Record<string, readonly [readonly (string | number)[], string]>> = {
    ConfigMap: [["data", "Corefile"], corefile(clusterDomain)],
    Service: [["spec", "clusterIP"], serviceIp],
    Deployment: [["spec", "template", "spec", "containers", 0, "image"], image],
  };
  const documents = parseAllDocuments(readFileSync(join(__dirname, "coredns.yaml"), "utf8"));
  const objects = documents.map((document) => {
    const kind = String(document.get("kind"));
    const [path, value] = own[kind] ?? [];
    if (path) document.setIn(path, value);
    return [kind, document.toJS() as unknown] as const;
  });
  return Object.fromEntries(objects) as unknown as CoreDns;
}

/** CoreDNS's configuration, as kubeadm writes it. */
export function corefile(clusterDomain: string): string {
  return `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes ${clusterDomain} in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
`;
}
