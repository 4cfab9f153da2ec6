import type { NetworkPlugin } from "../networks/plugin";
import type { Artifact, NodePlan, Role } from "./plan";
import { versions } from "./versions";

/** A file nodes download, before it is known from where and with which checksum. */
export interface ArtifactSource extends Pick<Artifact, "name" | "installs"> {
  /** `<upstream host>/<path>`: its key under `cluster.artifacts.sha256`, and its place on a mirror. */
  readonly key: string;
}

/** The part of a node that decides what it downloads. */
export interface Downloader {
  readonly roles: readonly Role[];
  readonly architecture: NodePlan["architecture"];
}

/** What people and steps call by its name: nothing runs it for long. */
const commands = "/usr/local/bin";

/**
 * Where a service of a version of Kubernetes lies, beside those of other versions: its unit names this path, so that nothing
 * but a new unit makes another version of it run.
 */
export const servicePath = (service: string, kubernetesVersion: string) =>
  `/usr/local/lib/groundwork/kubernetes-${kubernetesVersion}/${service}`;

/** Everything a node of these roles needs; nodes that only store need nothing. */
export function artifactsOf(
  { roles, architecture }: Downloader,
  kubernetesVersion: string,
  network: Pick<NetworkPlugin, "artifacts">,
): ArtifactSource[] {
  const program = (name: string) => kubernetesProgram(name, kubernetesVersion, architecture);
  const onEveryNode = [
    program("kubelet"),
    program("kube-proxy"),
    ...network.artifacts(architecture),
  ];
  if (roles.includes("master")) {
    return [
      program("kube-apiserver"),
      program("kube-controller-manager"),
      program("kube-scheduler"),
      program("kubectl"),
      etcd(architecture),
      ...onEveryNode,
    ];
  }
  return roles.includes("worker") ? onEveryNode : [];
}

/** Where a file is downloaded: `baseUrl` is `cluster.artifacts.base_url`, absent for the upstream hosts themselves. */
export function artifactUrl(key: string, baseUrl: string | undefined): string {
  return baseUrl === undefined ? `https://${key}` : `${baseUrl}/${key}`;
}

function kubernetesProgram(name: string, version: string, architecture: string): ArtifactSource {
  return {
    name,
    key: `dl.k8s.io/release/v${version}/bin/linux/${architecture}/${name}`,
    installs: [{ path: name === "kubectl" ? `${commands}/${name}` : servicePath(name, version) }],
  };
}

function etcd(architecture: string): ArtifactSource {
  const release = `etcd-v${versions.etcd}-linux-${architecture}`;
  return {
    name: "etcd",
    key: `github.com/etcd-io/etcd/releases/download/v${versions.etcd}/${release}.tar.gz`,
    installs: ["etcd", "etcdctl", "etcdutl"].map((name) => ({
      path: `${commands}/${name}`,
      member: `${release}/${name}`,
    })),
  };
}
