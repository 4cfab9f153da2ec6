import { type Artifact, type ClusterPlan, type NodePlan, roleOf } from "../../config/plan";
import { cephPackages } from "../lib/cephDaemons";
import type { NodeFile, Step } from "../step";
import { metricsFiles } from "./metrics";
import { containerdConfig, kernelModules, packages, registryHosts, sysctls } from "./files";

/** Operating system settings, packages, programs by SHA-256 and the container runtime. */
export function prepare({
  cluster,
  node,
}: {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
}): Step<"ROLE" | "PACKAGES" | "ARTIFACTS"> {
  return {
    script: "prepare",
    variables: {
      ROLE: roleOf(node),
      PACKAGES: [...basePackages(node), ...cephPackages(node.roles)].join(" "),
      ARTIFACTS: node.artifacts.map(artifactLine).join("\n"),
    },
    files: [...metricsFiles(), ...(roleOf(node) === "storage" ? [] : preparedFiles(cluster))],
  };
}

function basePackages(node: NodePlan): readonly string[] {
  switch (roleOf(node)) {
    case "master":
      return [...packages, "python3", "python3-cryptography"];
    case "worker":
      return [...packages, "haproxy"];
    case "storage":
      return ["ca-certificates", "curl", "jq"];
  }
}

/** One line of the list `prepare` reads: hash, URL, and each installed path, with the archive's member behind `=`. */
function artifactLine({ sha256, url, installs }: Artifact): string {
  const paths = installs.map(({ path, member }) =>
    member === undefined ? path : `${path}=${member}`,
  );
  return [sha256, url, ...paths].join(" ");
}

function preparedFiles(cluster: ClusterPlan): NodeFile[] {
  const constant = { mode: "0644", constant: true };
  return [
    { path: "/etc/modules-load.d/groundwork.conf", content: kernelModules, ...constant },
    { path: "/etc/sysctl.d/90-groundwork.conf", content: sysctls, ...constant },
    { path: "/var/lib/groundwork/containerd.toml", content: containerdConfig(cluster) },
    ...Object.entries(cluster.registryMirrors).map(([registry, mirrors]) => ({
      path: `/etc/containerd/certs.d/${registry}/hosts.toml`,
      content: registryHosts(registry, mirrors),
    })),
  ];
}
