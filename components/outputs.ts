import * as pulumi from "@pulumi/pulumi";
import { fill } from "../arguments/standIns";
import type { EndpointPlan } from "../config/endpoint";
import {
  type ClusterPlan,
  type NodePlan,
  type Role,
  roleOf,
  runsCeph,
  runsPods,
} from "../config/plan";
import { ports } from "../config/ports";
import { defaultPlugin, pluginOf } from "../networks";
import type { FormerCluster } from "../policies/facts";
import { renderKubeconfig } from "../steps/credentials/kubeconfig";
import type { Authority, KeyPair } from "./certificate";
import type { Cluster } from "./cluster";
import type { ClusterPki } from "./clusterPki";
import type { MachineFacts, NoFacts } from "./facts";
import type { Machine } from "./machine";
import type { StepId } from "./order";
import type { Steps } from "./steps";

/** What nodes are described by: the plan, what of it this `up` has reached, and what was before. */
interface NodeRecord {
  readonly cluster: ClusterPlan;
  readonly steps: Steps;
  readonly former: Promise<FormerCluster>;
}

type FormerNode = FormerCluster["nodes"][string];

export interface NodeDescription {
  readonly ip: pulumi.Input<string>;
  readonly roles: readonly Role[];
  /** False: the last `up` failed before it was a node, and so did those before. */
  readonly joined: pulumi.Output<false | undefined>;
  /** The file's number, where it has one, of the last `up` that maintained it. */
  readonly maintenance?: pulumi.Output<number | undefined>;
  /** Of its pods; absent: flannel, as in clusters of a release that knew no other. */
  readonly networkPlugin?: string;
  /** Of a network plugin that runs as pods, the version that was applied last. */
  readonly networkVersion?: pulumi.Output<string | undefined>;
  /** Of a master: number of the key that Secrets are encrypted with, where it is not the first. */
  readonly encryptionKey?: pulumi.Output<number | undefined>;
  /** Of a master: number of the key that tokens of service accounts are signed with, where it is not the first. */
  readonly serviceAccountKey?: pulumi.Output<number | undefined>;
  /** Of a master: number of the authorities that issue certificates, where they are not the first. */
  readonly authorities?: pulumi.Output<number | undefined>;
  /** Of a master: number of the oldest authorities that are trusted, where they are not the first. */
  readonly oldestAuthorities?: pulumi.Output<number | undefined>;
  /** Of a monitor: number of the key by which Kubernetes uses its volumes, where it is not the first. */
  readonly cephKubernetesKey?: pulumi.Output<number | undefined>;
  /** Of a monitor: number of the administrator's key, where it is not the first. */
  readonly cephAdminKey?: pulumi.Output<number | undefined>;
  /** Of a monitor: number of the authority of its dashboard, where it is not the first. */
  readonly cephAuthority?: pulumi.Output<number | undefined>;
  /** Of a node with OSDs: number of the keys that all of them have, where they are not the first. */
  readonly cephOsdKey?: pulumi.Output<number | undefined>;
  /** Its version, where it is not the distribution's. */
  readonly containerd?: pulumi.Output<string | undefined>;
  /** Its version, where it is not the distribution's. */
  readonly runc?: pulumi.Output<string | undefined>;
  /** Of a machine of Ceph, the version of its packages, where they are not the distribution's. */
  readonly ceph?: pulumi.Output<string | undefined>;
  readonly facts: pulumi.Output<MachineFacts | NoFacts>;
}

/**
 * A kubeconfig for clients outside the cluster, made of the program's own keys. The first context goes to the cluster's
 * endpoint; one more goes to each of `masters`, for the day on which the endpoint does not answer. Secret.
 */
export function clusterKubeconfig(
  cluster: ClusterPlan,
  ca: Authority,
  user: string,
  client: KeyPair,
  masters: readonly NodePlan[] = [],
  { host, port }: Pick<EndpointPlan, "host" | "port"> = cluster.endpoint,
): pulumi.Output<string> {
  const servers = {
    [cluster.name]: `https://${host}:${port}`,
    ...Object.fromEntries(
      masters.map(({ name, ip }) => [
        `${cluster.name}-${name}`,
        `https://${ip}:${ports.apiServer}`,
      ]),
    ),
  };
  return pulumi
    .all([ca.trusted, client.cert, client.key, fill(servers)])
    .apply(([ca, cert, key, servers]) =>
      renderKubeconfig({ cluster: cluster.name, user, servers, ca, credentials: { cert, key } }),
    );
}

/** For the administrator: `kubernetes-admin`, at the cluster's endpoint and at each master. Secret. */
export function adminKubeconfig(cluster: ClusterPlan, pki: ClusterPki): pulumi.Output<string> {
  return clusterKubeconfig(cluster, pki.ca, "kubernetes-admin", pki.admin, cluster.masters);
}

/** The step with which a machine is a node: others wait for it from then on when something changes. */
const joinsBy = (node: NodePlan, { masters }: ClusterPlan) =>
  masters.length === 0
    ? "prepare"
    : { master: "etcd", worker: "admit", storage: "prepare" }[roleOf(node)];

/** What all nodes run: where an `up` did not bring another version to all of them, the former one. */
export function versionOf(
  what: "kubernetesVersion" | "etcdVersion",
  { cluster, steps, former }: NodeRecord,
): pulumi.Output<string> {
  const { nodes, masters, kubernetes, versions } = cluster;
  const each = (some: readonly NodePlan[], step: string) =>
    some.filter(({ lost }) => !lost).map(({ name }) => steps.ended(`${name}/${step}`));
  const pods = masters.length > 0 ? nodes.filter(runsPods) : [];
  const [wanted, brought] =
    what === "etcdVersion"
      ? [versions.etcd, each(masters, "etcd")]
      : [kubernetes.version, [...each(masters, "control-plane"), ...each(pods, "kubelet")]];
  return pulumi
    .all(brought)
    .apply(async (ended) => (ended.every(Boolean) ? wanted : ((await former)[what] ?? wanted)));
}

/**
 * Node name -> address, roles and facts, of all nodes that are not lost. What an `up` did not reach, as it went on after an error,
 * stays as the `up` before left it: the next one goes by what is there, and not by what was wanted.
 */
export function describeNodes(
  machines: readonly Machine[],
  { cluster, steps, former }: NodeRecord,
): Record<string, NodeDescription> {
  const { plugin } = cluster.networking;
  const { installation } = pluginOf(cluster);
  const { containerd, runc } = cluster.versions;
  const { rotations } = cluster.kubernetes;
  const {
    kubernetesKey = 1,
    adminKey = 1,
    osdKey = 1,
    authority = 1,
  } = cluster.ceph?.rotations ?? {};
  const cephVersion = cluster.ceph?.packages?.version;
  const usesCephKey = cluster.masters.length > 0 ? "ceph-addon" : "ceph-configure";
  return Object.fromEntries(
    machines
      .filter(({ node }) => !node.lost)
      .map(({ node, facts }) => {
        const { name, ip, roles, maintenance } = node;
        const own = (step: string) => `${name}/${step}`;
        const joins = cluster.masters.length > 0 && runsPods(node);
        const reached = <Field extends keyof FormerNode>(
          field: Field,
          step: StepId | readonly StepId[],
          wanted: FormerNode[Field] | undefined,
        ) => {
          const value = pulumi
            .all([step].flat().map((one) => steps.ended(one)))
            .apply(async (ended) =>
              ended.every(Boolean) ? wanted : (await former).nodes[name]?.[field],
            );
          return { [field]: value };
        };
        const joined = steps.ended(own(joinsBy(node, cluster))).apply(async (ended) => {
          const was = (await former).nodes[name];
          return ended ? undefined : was ? was.joined : false;
        });
        const osds = (cluster.ceph?.osds ?? [])
          .filter((osd) => osd.node.name === name)
          .map(({ id }) => own(`ceph-osd/${id}`));
        const counters = [
          ["master", "encryptionKey", rotations.encryptionKey, own("control-plane")],
          ["master", "serviceAccountKey", rotations.serviceAccountKey, own("control-plane")],
          ["master", "authorities", rotations.authorities, own("admit")],
          ["master", "oldestAuthorities", rotations.oldestAuthorities, own("admit")],
          ["ceph-mon", "cephKubernetesKey", kubernetesKey, usesCephKey],
          ["ceph-mon", "cephAdminKey", adminKey, own("ceph-mon")],
          ["ceph-mon", "cephAuthority", authority, own("ceph-mon")],
          ["ceph-osd", "cephOsdKey", osdKey, osds],
        ] as const;
        const numbers = counters
          .filter(([role, , number]) => number > 1 && roles.includes(role))
          .map(([, field, number, step]) => reached(field, step, number));
        const more = {
          ...(maintenance > 0 && reached("maintenance", own("maintain"), maintenance)),
          ...(plugin !== defaultPlugin.name && { networkPlugin: plugin }),
          ...(joins &&
            installation &&
            reached("networkVersion", "network-plugin", installation.version(cluster.versions))),
          ...(joins && reached("containerd", own("kubelet"), containerd)),
          ...(joins && reached("runc", own("kubelet"), runc)),
          ...(cephVersion !== undefined &&
            runsCeph(node) &&
            reached("ceph", "ceph-release", cephVersion)),
          ...(Object.assign({}, ...numbers) as Partial<NodeDescription>),
        };
        return [name, { ip: fill(ip), roles, joined, ...more, facts }];
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
