import type { NetworkPlugin } from "../networks/plugin";
import type { Artifact, NodePlan, Role } from "./plan";
import { type newestRuntime, versions as released } from "./versions";

/** What a cluster runs, each in full: `1.36.3`. */
export interface Versions {
  readonly kubernetes: string;
  readonly etcd: string;
  readonly flannel: string;
  readonly calico: string;
  /** Absent: the distribution's. */
  readonly containerd?: string;
  /** Absent: the distribution's. */
  readonly runc?: string;
}

/** A file nodes download, before it is known from where and with which checksum. */
export interface ArtifactSource extends Pick<Artifact, "name" | "installs"> {
  /** `<upstream host>/<path>`: its key under `cluster.artifacts.sha256`, and its place on a mirror. */
  readonly key: string;
}

/** What a file's `cluster` says of versions, once Kubernetes' is known. */
export function versionsOf(cluster: {
  readonly kubernetes: { readonly version: string };
  readonly versions?:
    | {
        readonly [of in keyof typeof released | keyof typeof newestRuntime]?: string | undefined;
      }
    | undefined;
}): Versions {
  const {
    etcd = released.etcd,
    flannel = released.flannel,
    calico = released.calico,
    containerd,
    runc,
  } = cluster.versions ?? {};
  return {
    kubernetes: cluster.kubernetes.version,
    etcd,
    flannel,
    calico,
    ...(containerd !== undefined && { containerd }),
    ...(runc !== undefined && { runc }),
  };
}

/** The part of a node that decides what it downloads. */
export interface Downloader {
  readonly roles: readonly Role[];
  readonly architecture: NodePlan["architecture"];
}

/** What people and steps call by its name: nothing runs it for long. */
const commands = "/usr/local/bin";

/**
 * Where a service lies in its version, beside other versions of it: its unit names this path, so that nothing but a new unit
 * makes another version of it run.
 */
export function servicePath(service: string, versions: Versions): string {
  const of = service === "etcd" ? "etcd" : service === "flanneld" ? "flannel" : "kubernetes";
  return `/usr/local/lib/groundwork/${of}-${versions[of]}/${service}`;
}

/** Where containerd or runc lies in its version, beside other versions. */
export const runtimeFolder = (of: "containerd" | "runc", version: string): string =>
  `/usr/local/lib/groundwork/${of}-${version}`;

/** Everything a node of these roles needs; nodes that only store need nothing. */
export function artifactsOf(
  { roles, architecture }: Downloader,
  versions: Versions,
  network: Pick<NetworkPlugin, "artifacts">,
): ArtifactSource[] {
  const program = (name: string) => kubernetesProgram(name, versions, architecture);
  const onEveryNode = [
    program("kubelet"),
    program("kube-proxy"),
    ...runtime(versions, architecture),
    ...network.artifacts({ roles, architecture }, versions),
  ];
  if (roles.includes("master")) {
    return [
      program("kube-apiserver"),
      program("kube-controller-manager"),
      program("kube-scheduler"),
      program("kubectl"),
      etcd(versions, architecture),
      ...onEveryNode,
    ];
  }
  return roles.includes("worker") ? onEveryNode : [];
}

/** Where a file is downloaded: `baseUrl` is `cluster.artifacts.base_url`, absent for the upstream hosts themselves. */
export function artifactUrl(key: string, baseUrl: string | undefined): string {
  return baseUrl === undefined ? `https://${key}` : `${baseUrl}/${key}`;
}

function kubernetesProgram(name: string, versions: Versions, architecture: string): ArtifactSource {
  return {
    name,
    key: `dl.k8s.io/release/v${versions.kubernetes}/bin/linux/${architecture}/${name}`,
    installs: [{ path: name === "kubectl" ? `${commands}/${name}` : servicePath(name, versions) }],
  };
}

function etcd(versions: Versions, architecture: string): ArtifactSource {
  const release = `etcd-v${versions.etcd}-linux-${architecture}`;
  return {
    name: "etcd",
    key: `github.com/etcd-io/etcd/releases/download/v${versions.etcd}/${release}.tar.gz`,
    installs: ["etcd", "etcdctl", "etcdutl"].map((name) => ({
      path: name === "etcd" ? servicePath(name, versions) : `${commands}/${name}`,
      member: `${release}/${name}`,
    })),
  };
}

function runtime({ containerd, runc }: Versions, architecture: string): ArtifactSource[] {
  return [
    ...(containerd === undefined
      ? []
      : [
          {
            name: "containerd",
            key: `github.com/containerd/containerd/releases/download/v${containerd}/containerd-${containerd}-linux-${architecture}.tar.gz`,
            installs: ["containerd", "containerd-shim-runc-v2", "ctr"].map((name) => ({
              path: `${runtimeFolder("containerd", containerd)}/${name}`,
              member: `bin/${name}`,
            })),
          },
        ]),
    ...(runc === undefined
      ? []
      : [
          {
            name: "runc",
            key: `github.com/opencontainers/runc/releases/download/v${runc}/runc.${architecture}`,
            installs: [{ path: `${runtimeFolder("runc", runc)}/runc` }],
          },
        ]),
  ];
}
