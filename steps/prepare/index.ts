import * as pulumi from "@pulumi/pulumi";
import { createHash } from "node:crypto";
import {
  type Artifact,
  type ClusterPlan,
  type NodePlan,
  roleOf,
  runsPods,
} from "../../config/plan";
import { besideCeph, cephPackages } from "../lib/cephDaemons";
import type { NodeFile, Step } from "../step";
import { containerdConfig, kernelModules, packages, sysctls } from "./files";
import { metricsFiles } from "./metrics";
import { proxyFiles, proxyWords } from "../lib/proxy";
import { registryFiles, registryLogins } from "./registries";

/** Operating system settings, packages, programs by SHA-256 and the container runtime. */
export function prepare({
  cluster,
  node,
  salt,
}: {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
  /** Secret of the machine, of which a hash goes with what may be guessed: a preview shows a digest of that. */
  readonly salt: pulumi.Input<string>;
}): Step<Variable> {
  const logins = runsPods(node) ? registryLogins(cluster.registries) : "";
  return {
    script: "prepare",
    variables: variablesOf(node, cluster),
    files: filesOf(node, cluster),
    ...(logins !== "" && {
      secrets: {
        registry_logins: pulumi
          .output(salt)
          .apply((text) => `# ${createHash("sha256").update(text).digest("hex")}\n${logins}`),
      },
    }),
  };
}

type Variable =
  "ROLE" | "CONTAINERD_VERSION" | "FIX" | "NTP_SERVERS" | "PACKAGES" | "ARTIFACTS" | "PROXY";

/** What the script is told of a node: the same for all that are its like. */
export const variablesOf = (node: NodePlan, cluster: ClusterPlan): Record<Variable, string> => ({
  ROLE: roleOf(node),
  CONTAINERD_VERSION: cluster.versions.containerd ?? "",
  FIX: cluster.preflightFix.join(" "),
  NTP_SERVERS: cluster.ntpServers.join(" "),
  PACKAGES: packagesOf(node, cluster).join(" "),
  ARTIFACTS: node.artifacts.map(artifactLine).join("\n"),
  PROXY: proxyWords(cluster.proxy),
});

/** What it puts in place that is nobody's secret. */
export const filesOf = (node: NodePlan, cluster: ClusterPlan): NodeFile[] => [
  ...metricsFiles(),
  ...timeFiles(cluster),
  ...(runsPods(node) ? preparedFiles(cluster) : []),
];

/** What of the distribution a node needs. */
export const packagesOf = (node: NodePlan, cluster: ClusterPlan): readonly string[] => [
  ...basePackages(node, cluster),
  // From elsewhere they come by a step of their own.
  ...(cluster.ceph?.packages ? [] : cephPackages(node.roles)),
  ...besideCeph(node.roles),
];

function basePackages(node: NodePlan, cluster: ClusterPlan): readonly string[] {
  const ipvs = cluster.kubernetes.kubeProxy.mode === "ipvs" ? ["ipset"] : [];
  switch (roleOf(node)) {
    case "master":
      return [
        ...packages,
        ...ipvs,
        "python3",
        "python3-cryptography",
        "zstd",
        ...(cluster.etcd.snapshots.recipients.length > 0 ? ["age"] : []),
        ...(cluster.endpoint.vip ? ["keepalived"] : []),
      ];
    case "worker":
      return [...packages, ...ipvs, "haproxy"];
    case "storage":
      return [
        "ca-certificates",
        "curl",
        "jq",
        ...(cluster.networking.firewall ? ["nftables"] : []),
      ];
  }
}

/** One line of the list `prepare` reads: hash, URL, and each installed path, with the archive's member behind `=`. */
function artifactLine({ sha256, url, installs }: Artifact): string {
  const paths = installs.map(({ path, member }) =>
    member === undefined ? path : `${path}=${member}`,
  );
  return [sha256, url, ...paths].join(" ");
}

/** The same servers for both programs that may set the clock. */
function timeFiles({ ntpServers }: ClusterPlan): NodeFile[] {
  if (ntpServers.length === 0) return [];
  const mode = "0644";
  return [
    {
      path: "/etc/chrony/sources.d/groundwork.sources",
      mode,
      content: ntpServers.map((server) => `server ${server} iburst\n`).join(""),
    },
    {
      path: "/etc/systemd/timesyncd.conf.d/groundwork.conf",
      mode,
      content: `[Time]\nNTP=${ntpServers.join(" ")}\n`,
    },
  ];
}

function preparedFiles(cluster: ClusterPlan): NodeFile[] {
  const constant = { mode: "0644", constant: true };
  return [
    {
      path: "/etc/modules-load.d/groundwork.conf",
      content: `${kernelModules(cluster).join("\n")}\n`,
      mode: "0644",
    },
    { path: "/etc/sysctl.d/90-groundwork.conf", content: sysctls, ...constant },
    { path: "/var/lib/groundwork/containerd.toml", content: containerdConfig(cluster) },
    ...registryFiles(cluster.registries),
    ...proxyFiles(cluster.proxy),
  ];
}
