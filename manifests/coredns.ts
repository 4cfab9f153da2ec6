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

/** What decides whom CoreDNS asks. */
export interface CorefileArgs {
  /** Domain of the names inside the cluster. */
  readonly clusterDomain: string;
  /** Servers for other names; default: those of the node it runs on. */
  readonly dnsServers?: readonly string[];
  /** Domain -> servers for its names; default: none. */
  readonly stubDomains?: Readonly<Record<string, readonly string[]>>;
}

export interface CoreDnsArgs extends CorefileArgs {
  /** Address of the Service, which pods are told. */
  readonly serviceIp: string;
  readonly image: string;
  /** Whether nothing leads to Services yet, or pods have no network, without which it is not ready: then it is not waited for. */
  readonly isEarly: boolean;
  /** Number of the authorities that its pods are told of: they read that but once. */
  readonly authorities: number;
}

/** CoreDNS's objects with what a cluster decides itself. */
export function coreDns({
  serviceIp,
  image,
  isEarly,
  authorities,
  ...names
}: CoreDnsArgs): CoreDns {
  const own: Readonly<Record<string, readonly [readonly (string | number)[], string]>> = {
    ConfigMap: [["data", "Corefile"], corefile(names)],
    Service: [["spec", "clusterIP"], serviceIp],
    Deployment: [["spec", "template", "spec", "containers", 0, "image"], image],
  };
  const documents = parseAllDocuments(readFileSync(join(__dirname, "coredns.yaml"), "utf8"));
  const objects = documents.map((document) => {
    const kind = String(document.get("kind"));
    const [path, value] = own[kind] ?? [];
    if (path) document.setIn(path, value);
    if (isEarly && kind === "Deployment")
      document.setIn(["metadata", "annotations", "pulumi.com/skipAwait"], "true");
    if (authorities > 1 && kind === "Deployment")
      document.setIn(
        ["spec", "template", "metadata", "annotations", "groundwork/authorities"],
        String(authorities),
      );
    return [kind, document.toJS() as unknown] as const;
  });
  return Object.fromEntries(objects) as unknown as CoreDns;
}

/** CoreDNS's configuration, as kubeadm writes it, with a server block for each stub domain behind it. */
export function corefile({
  clusterDomain,
  dnsServers = [],
  stubDomains = {},
}: CorefileArgs): string {
  const upstream = dnsServers.length > 0 ? dnsServers.join(" ") : "/etc/resolv.conf";
  const stubs = Object.entries(stubDomains).map(
    ([domain, servers]) => `${domain}:53 {
    errors
    forward . ${servers.join(" ")} {
       max_concurrent 1000
    }
    cache 30
}
`,
  );
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
    forward . ${upstream} {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
${stubs.join("")}`;
}
