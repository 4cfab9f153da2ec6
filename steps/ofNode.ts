import type { CephOsdPlan } from "../config/ceph";
import { type ClusterPlan, type NodePlan, roleOf } from "../config/plan";

/** The step that makes an OSD. */
export const osdStep = ({ id }: Pick<CephOsdPlan, "id">) => `ceph-osd-${id}`;

/**
 * What an `up` does to a node's own machine, in its order: the names under which the ends of the steps are noted there
 * (`note` in steps/lib/lib.sh). Left out are preflight, which writes nothing, the births of etcd and of Ceph, which
 * happened once on whoever was first that day, and what a master does for other nodes.
 */
export function stepsOf(
  node: NodePlan,
  {
    ceph,
    endpoint,
    kubernetes: { rotations },
    networking,
  }: Pick<ClusterPlan, "ceph" | "endpoint" | "kubernetes" | "networking">,
): string[] {
  const follows = rotations.authorities > 1;
  const kubernetes = {
    master: [
      ...(follows ? ["authorities"] : []),
      "credentials",
      "etcd",
      ...(rotations.serviceAccountKey > 1 ? ["service-account"] : []),
      ...(follows ? ["signing"] : []),
      "control-plane",
      "snapshots",
      ...(endpoint.vip ? ["vip"] : []),
      "kubelet",
    ],
    worker: [...(follows ? ["authorities"] : []), "credentials", "kubelet"],
    storage: [],
  }[roleOf(node)];
  const is = ({ name }: NodePlan) => name === node.name;
  const osds = ceph?.osds.filter((osd) => is(osd.node)) ?? [];
  const isMonitor = ceph?.monitors.some(is) ?? false;
  const isOfCeph = isMonitor || osds.length > 0;
  return [
    "claim",
    ...(node.takesCalls ? ["join-service"] : []),
    ...(node.calls ? ["call"] : []),
    "prepare",
    ...(networking.firewall ? ["firewall"] : []),
    ...kubernetes,
    ...(isOfCeph && ceph?.packages ? ["ceph-packages"] : []),
    ...(isOfCeph ? ["ceph-host", "ceph-keys"] : []),
    ...(isMonitor ? ["ceph-mon"] : []),
    ...(osds.length > 0 && ceph && ceph.rotations.osdKey > 1 ? ["ceph-osd-next"] : []),
    ...(isOfCeph && ceph?.packages ? ["ceph-follow"] : []),
    ...osds.map(osdStep),
    ...(ceph?.monitors.slice(0, 1).some(is)
      ? [
          "ceph-configure",
          ...(ceph.packages ? ["ceph-release"] : []),
          ...(ceph.rotations.oldestKubernetesKey > 1 ? ["ceph-retire"] : []),
        ]
      : []),
    ...(node.maintenance > 0 ? ["maintain"] : []),
  ];
}
