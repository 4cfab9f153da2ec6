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

/**
 * Minor versions of containerd that the file may ask for: upstream goes from 1.7 to 2.3 without what is between, and recommends it for
 * every version of Kubernetes here. Its configuration is of a form that 2.4 does not read.
 */
export const containerdMinors = ["2.3"] as const;

/** Versions of containerd by which a machine is another's. */
export const badContainerd: readonly BadVersion[] = [
  {
    mended: "2.3.2",
    why: "lets whoever made an image run commands as root of the machine that pulls it (CVE-2026-53488)",
  },
];

/** Minor versions of runc that the file may ask for. */
export const runcMinors = ["1.4", "1.5"] as const;

/** Versions of runc that fail pods, or their machines. */
export const badRunc: readonly BadVersion[] = [
  {
    mended: "1.4.2",
    why: "may leave `runc exec`, and with it probes, without an end (opencontainers/runc#5208)",
  },
  {
    mended: "1.5.2",
    why: "may crash on Linux 6.17 and later when it sets what devices a container may use (opencontainers/runc#5403)",
  },
];

/** What is the distribution's unless the file asks for another: the newest that the tests have run. */
export const newestRuntime = { containerd: "2.3.7", runc: "1.5.3" } as const;

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
