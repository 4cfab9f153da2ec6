import type * as pulumi from "@pulumi/pulumi";
import type { CephPackagesPlan } from "../../config/ceph";
import type { NodePlan } from "../../config/plan";
import type { ProxyPlan } from "../../config/proxy";
import { cephPackages as packagesOf } from "../lib/cephDaemons";
import { proxyWords } from "../lib/proxy";
import type { Step } from "../step";

/**
 * Ceph's packages are those of a repository, in one version; no daemon is restarted. Undone, apt knows the repository no more,
 * and what is installed stays.
 */
export function cephPackages({
  node,
  fsid,
  packages,
  proxy,
}: {
  readonly node: NodePlan;
  readonly fsid: pulumi.Input<string>;
  readonly packages: CephPackagesPlan;
  readonly proxy: ProxyPlan | undefined;
}): Step<
  "FSID" | "CEPH_VERSION" | "REPOSITORY" | "SUITE" | "COMPONENT" | "CEPH_PACKAGES" | "PROXY"
> {
  const { version, repository, suite = "", component, key } = packages;
  return {
    script: "ceph-packages",
    undo: "ceph-packages-leave",
    variables: {
      FSID: fsid,
      CEPH_VERSION: version,
      REPOSITORY: repository,
      SUITE: suite,
      COMPONENT: component,
      CEPH_PACKAGES: packagesOf(node.roles).join(" "),
      PROXY: proxyWords(proxy),
    },
    files: [{ path: "/etc/apt/keyrings/groundwork-ceph.asc", content: key, mode: "0644" }],
    timeout: 1200,
  };
}
