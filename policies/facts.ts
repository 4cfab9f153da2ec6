import type { ClusterPlan, Role } from "../config/plan";

/**
 * What the program shows the policies: the part of the plan that is no secret, as plain inputs of one component. Plain
 * values are known at preview, when most of what flows between resources is not, and a component's inputs are judged
 * before the first step runs, by `up` too.
 */
export const clusterType = "groundwork:index:Cluster";

export interface NodeFacts {
  readonly name: string;
  readonly ip: string;
  readonly roles: readonly Role[];
  /** What fails together with the node: its label `topology.kubernetes.io/zone`; absent: not declared. */
  readonly failureDomain?: string;
}

/** Inputs of the component, and part of its outputs. */
export interface ClusterFacts {
  readonly name: string;
  /** Stands before the names of all of its resources. */
  readonly prefix: string;
  readonly kubernetesVersion: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** Host name or address of the endpoint for clients outside the cluster. */
  readonly endpoint: string;
  /** Minutes for which a node's bootstrap token is good. */
  readonly bootstrapTokenMinutes: number;
  /** Ceph's pools, with the number of copies they keep; none without Ceph. */
  readonly pools: readonly { readonly name: string; readonly size: number }[];
  readonly nodes: readonly NodeFacts[];
}

/** The cluster as the last `up` left it. */
export interface FormerCluster {
  readonly kubernetesVersion?: string;
  readonly etcdVersion?: string;
  /** By name, without those that were lost. */
  readonly nodes: Readonly<
    Record<
      string,
      {
        readonly roles: readonly Role[];
        /** Absent: it is a node. */
        readonly joined?: false;
        readonly maintenance?: number;
        readonly networkPlugin?: string;
        /** Of a network plugin that runs as pods, the version that was applied last. */
        readonly networkVersion?: string;
        /** Of a master, where Secrets are encrypted with another key than the first. */
        readonly encryptionKey?: number;
        /** Of a master, where tokens of service accounts are signed with another key than the first. */
        readonly serviceAccountKey?: number;
        /** Of a monitor, where Kubernetes uses its volumes by another key of Ceph's than the first. */
        readonly cephKubernetesKey?: number;
        /** Of a monitor, where Ceph's administrator has another key than the first. */
        readonly cephAdminKey?: number;
        /** Of a monitor, where its dashboard's certificate is of another authority than the first. */
        readonly cephAuthority?: number;
        /** Of a node with OSDs, where they have other keys than the first. */
        readonly cephOsdKey?: number;
        /** Of a master, where certificates are issued by other authorities than the first, and where not all of them are trusted. */
        readonly authorities?: number;
        readonly oldestAuthorities?: number;
        /** Their versions, where they are not the distribution's. */
        readonly containerd?: string;
        readonly runc?: string;
        /** Of a machine of Ceph, the version of its packages, where they are not the distribution's. */
        readonly ceph?: string;
      }
    >
  >;
}

/** Outputs of the component; `before` has no nodes on the first `up`. */
export interface ClusterOutputs extends ClusterFacts {
  readonly before: FormerCluster;
}

/** What the policies need to know: of the plan, and what the components add to it. */
export function clusterFacts(
  cluster: ClusterPlan,
  added: Pick<ClusterFacts, "bootstrapTokenMinutes" | "prefix">,
): ClusterFacts {
  const { name, kubernetes, networking, endpoint } = cluster;
  return {
    name,
    prefix: added.prefix,
    kubernetesVersion: kubernetes.version,
    podCidr: networking.podCidr,
    serviceCidr: networking.serviceCidr,
    endpoint: endpoint.host,
    bootstrapTokenMinutes: added.bootstrapTokenMinutes,
    pools: (cluster.ceph?.pools ?? []).map(({ name, size }) => ({ name, size })),
    // A lost node counts as removed from the moment the file calls it lost.
    nodes: cluster.nodes
      .filter(({ lost }) => !lost)
      .map(({ name, ip, roles, labels }) => {
        const failureDomain = labels["topology.kubernetes.io/zone"];
        return { name, ip, roles, ...(failureDomain === undefined ? {} : { failureDomain }) };
      }),
  };
}

export function hasRole(role: Role): (node: { readonly roles: readonly Role[] }) => boolean {
  return ({ roles }) => roles.includes(role);
}
