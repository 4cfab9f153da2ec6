/** Minor versions of Kubernetes this release sets up: those whose flags and configuration it was written for. */
export const kubernetesMinors = ["1.34", "1.35", "1.36"] as const;

/** What a cluster gets that has no wish of its own: the newest one that the tests have brought up. */
export const newestKubernetes = "1.36.3";

/** What the cluster runs beside Kubernetes and a network plugin. A release of Groundwork fixes these, as they are tested together. */
export const versions = {
  etcd: "3.6.16",
} as const;

/** Images the cluster itself runs, with tag. */
export const images = {
  pause: "registry.k8s.io/pause:3.10.1",
  coredns: "registry.k8s.io/coredns/coredns:v1.15.0",
} as const;
