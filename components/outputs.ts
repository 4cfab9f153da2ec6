import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan, NodePlan } from "../config/plan";
import { renderKubeconfig } from "../steps/credentials/kubeconfig";
import type { KeyPair } from "./certificate";
import type { Machine } from "./machine";

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
): pulumi.Output<string> {
  const { host, port } = cluster.endpoint;
  const servers = {
    [cluster.name]: `https://${host}:${port}`,
    ...Object.fromEntries(
      masters.map(({ name, ip }) => [`${cluster.name}-${name}`, `https://${ip}:6443`]),
    ),
  };
  return pulumi
    .all([ca.cert, client.cert, client.key])
    .apply(([ca, cert, key]) =>
      renderKubeconfig({ cluster: cluster.name, user, servers, ca, credentials: { cert, key } }),
    );
}

/** Node name -> address, roles and facts, of all nodes that are not lost. */
export function describeNodes(machines: readonly Machine[]) {
  return Object.fromEntries(
    machines
      .filter(({ node }) => !node.lost)
      .map(({ node, facts }) => [node.name, { ip: node.ip, roles: node.roles, facts }]),
  );
}
