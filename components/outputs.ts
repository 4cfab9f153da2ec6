import * as pulumi from "@pulumi/pulumi";
import { fill } from "../arguments/standIns";
import type { EndpointPlan } from "../config/endpoint";
import { type ClusterPlan, type NodePlan, type Role, roleOf } from "../config/plan";
import { defaultPlugin } from "../networks";
import { renderKubeconfig } from "../steps/credentials/kubeconfig";
import type { KeyPair } from "./certificate";
import type { Cluster } from "./cluster";
import type { ClusterPki } from "./clusterPki";
import type { MachineFacts, NoFacts } from "./facts";
import type { Machine } from "./machine";

export interface NodeDescription {
  readonly ip: pulumi.Input<string>;
  readonly roles: readonly Role[];
  /** The file's number, where it has one. */
  readonly maintenance?: number;
  /** Of its pods; absent: flannel, as in clusters of a release that knew no other. */
  readonly networkPlugin?: string;
  /** Of a master: number of the key that Secrets are encrypted with, where it is not the first. */
  readonly encryptionKey?: number;
  /** Of a master: number of the key that tokens of service accounts are signed with, where it is not the first. */
  readonly serviceAccountKey?: number;
  /** Its version, where it is not the distribution's. */
  readonly containerd?: string;
  /** Its version, where it is not the distribution's. */
  readonly runc?: string;
  readonly facts: pulumi.Output<MachineFacts | NoFacts>;
}

/**
 * A kubeconfig for clients outside the cluster, made of the program's own keys. The first context goes to the cluster's
 * endpoint; one more goes to each of `masters`, for the day on which the endpoint does not answer. Secret.
 */
export function clusterKubeconfig(
  cluster: ClusterPlan,
  ca: KeyPair,
  user: string,
  client: KeyPair,
  masters: readonly NodePlan[] = [],
  { host, port }: Pick<EndpointPlan, "host" | "port"> = cluster.endpoint,
): pulumi.Output<string> {
  const servers = {
    [cluster.name]: `https://${host}:${port}`,
    ...Object.fromEntries(
      masters.map(({ name, ip }) => [`${cluster.name}-${name}`, `https://${ip}:6443`]),
    ),
  };
  return pulumi
    .all([ca.cert, client.cert, client.key, fill(servers)])
    .apply(([ca, cert, key, servers]) =>
      renderKubeconfig({ cluster: cluster.name, user, servers, ca, credentials: { cert, key } }),
    );
}

/** For the administrator: `kubernetes-admin`, at the cluster's endpoint and at each master. Secret. */
export function adminKubeconfig(cluster: ClusterPlan, pki: ClusterPki): pulumi.Output<string> {
  return clusterKubeconfig(cluster, pki.ca, "kubernetes-admin", pki.admin, cluster.masters);
}

/** Node name -> address, roles and facts, of all nodes that are not lost. */
export function describeNodes(
  machines: readonly Machine[],
  { networking: { plugin }, kubernetes: { rotations }, versions }: ClusterPlan,
): Record<string, NodeDescription> {
  return Object.fromEntries(
    machines
      .filter(({ node }) => !node.lost)
      .map(({ node, facts }) => {
        const { name, ip, roles, maintenance } = node;
        const { encryptionKey, serviceAccountKey } = rotations;
        const { containerd, runc } = versions;
        const runsPods = roleOf(node) !== "storage";
        const more = {
          ...(containerd !== undefined && runsPods && { containerd }),
          ...(runc !== undefined && runsPods && { runc }),
          ...(maintenance > 0 && { maintenance }),
          ...(plugin !== defaultPlugin.name && { networkPlugin: plugin }),
          ...(encryptionKey > 1 && roles.includes("master") && { encryptionKey }),
          ...(serviceAccountKey > 1 && roles.includes("master") && { serviceAccountKey }),
        };
        return [name, { ip: fill(ip), roles, ...more, facts }];
      }),
  );
}

/** A cluster's stack outputs: what it has, for a value that is undefined would be warned about. */
export function exportsOf({
  kubeconfig,
  apiEndpoint,
  kubernetesVersion,
  etcdVersion,
  nodes,
  cephDashboard,
}: Cluster): Readonly<Record<string, unknown>> {
  const outputs = { kubeconfig, apiEndpoint, kubernetesVersion, etcdVersion, cephDashboard, nodes };
  return Object.fromEntries(Object.entries(outputs).filter(([, value]) => value !== undefined));
}
