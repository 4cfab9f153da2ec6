/** Minor versions of Kubernetes this release sets up: those whose flags and configuration it was written for. */
export const kubernetesMinors = ["1.34", "1.35", "1.36"] as const;

/** What a cluster gets that has no wish of its own: the newest one that the tests have brought up. */
export const newestKubernetes = "1.36.3";

/** Minor versions of etcd this release sets up, oldest first: etcd goes from one to the next, skips none, and comes back to none. */
export const etcdMinors = ["3.6", "3.7"] as const;

/** A version with which nobody should run a cluster. */
export interface BadVersion {
  /** The first of its minor version that is mended. */
  readonly mended: string;
  /** What it does, and who says so: the middle of a sentence. */
  readonly why: string;
}

/** Versions of etcd that are known to lose what they hold, or not to come up again, on the ways that a cluster goes here. */
export const badEtcd: readonly BadVersion[] = [
  {
    mended: "3.6.5",
    why: "may corrupt its data where a member that is being defragmented gets a snapshot (etcd-io/etcd#20650)",
  },
  {
    mended: "3.6.4",
    why: "may not start again after a learner was promoted, as every new master is (etcd-io/etcd#20387)",
  },
];

/** Minor versions of flannel this release sets up. */
export const flannelMinors = ["0.28"] as const;

/** Minor versions of Calico this release sets up: those whose manifest it knows. */
export const calicoMinors = ["3.32"] as const;

/** What a cluster runs beside Kubernetes that has no wish of its own: what the tests have brought up together. */
export const versions = {
  etcd: "3.6.16",
  flannel: "0.28.4",
  // Not so: its images are in no registry that the tests reach. It is the newest whose manifest was read.
  calico: "3.32.1",
} as const;

/** Images the cluster itself runs, with tag. */
export const images = {
  pause: "registry.k8s.io/pause:3.10.1",
  coredns: "registry.k8s.io/coredns/coredns:v1.15.0",
} as const;
