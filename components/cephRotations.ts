import type { CephPlan, CephRotationsPlan } from "../config/ceph";
import { refusal } from "../config/issues";
import type { ClusterPlan } from "../config/plan";
import type { FormerCluster } from "../policies/facts";

/** Numbers of the keys that Ceph had at the end of the last `up`; undefined: there was no monitor. */
function formerOf({ nodes }: FormerCluster) {
  const were = Object.values(nodes).filter(({ roles }) => roles.includes("ceph-mon"));
  if (were.length === 0) return undefined;
  return {
    kubernetesKey: Math.max(...were.map(({ cephKubernetesKey = 1 }) => cephKubernetesKey)),
    adminKey: Math.max(...were.map(({ cephAdminKey = 1 }) => cephAdminKey)),
  };
}

/** The same of the OSDs of each node that had some. */
const formerOsds = ({ nodes }: FormerCluster) =>
  Object.entries(nodes)
    .filter(([, { roles }]) => roles.includes("ceph-osd"))
    .map(([name, { cephOsdKey = 1 }]) => ({ name, osdKey: cephOsdKey }));

/** @throws ClusterConfigError where a key is taken back, or ends before another is in use */
export function refuseFormerCephKeys(
  former: FormerCluster,
  plan: ClusterPlan,
  whose: string,
): void {
  const was = formerOf(former);
  if (!was || !plan.ceph) return;
  const { kubernetesKey, oldestKubernetesKey, adminKey, osdKey } = plan.ceph.rotations;
  const refuse = (field: string, message: string) =>
    refusal(whose, ["cluster", "ceph", "rotations", field], message);
  const back = (field: string, given: number, newest: number) =>
    refuse(
      field,
      `${given} is a former key, and key ${newest} is in use: a key is not taken back; give ${newest}, or ${newest + 1} for another one`,
    );
  if (was.adminKey > adminKey) throw back("admin_key", adminKey, was.adminKey);
  const newestOsdKey = Math.max(1, ...formerOsds(former).map(({ osdKey }) => osdKey));
  if (newestOsdKey > osdKey) throw back("osd_key", osdKey, newestOsdKey);
  if (was.kubernetesKey > kubernetesKey)
    throw back("kubernetes_key", kubernetesKey, was.kubernetesKey);
  if (oldestKubernetesKey > was.kubernetesKey)
    throw refuse(
      "oldest_kubernetes_key",
      `${oldestKubernetesKey} would end key ${was.kubernetesKey}, by which volumes are in use today; give ${was.kubernetesKey}, and raise it after the 'up' that brings key ${kubernetesKey}`,
    );
}

/** Which key follows which, and what is done in which order; undefined: none does. */
export function cephKeysInWords(former: FormerCluster, plan: ClusterPlan): string | undefined {
  const was = formerOf(former);
  if (!was || !plan.ceph) return undefined;
  const { monitors, osds, rotations } = plan.ceph;
  const due = formerOsds(former).filter(
    ({ name, osdKey }) => rotations.osdKey > osdKey && osds.some(({ node }) => node.name === name),
  );
  const parts = [
    rotations.adminKey > was.adminKey
      ? administrators(was.adminKey, rotations, monitors.map(({ name }) => name).join(", "))
      : [],
    due.length > 0 ? storesInWords(due, plan.ceph) : [],
    rotations.kubernetesKey > was.kubernetesKey ? volumes(was.kubernetesKey, rotations) : [],
  ].flat();
  return parts.length > 0 ? parts.join("\n") : undefined;
}

const administrators = (was: number, { adminKey }: CephRotationsPlan, monitors: string) => [
  `Keys of Ceph's administrator ${was} -> ${adminKey}, one line after the other:`,
  `  ${monitors}: key ${adminKey} of client.admin, client.bootstrap-osd and client.crash; the former is refused from the first on`,
  `  ${monitors}: managers restarted with key ${adminKey}, one after the other`,
];

const storesInWords = (
  due: readonly { readonly name: string; readonly osdKey: number }[],
  { osds, rotations: { osdKey } }: CephPlan,
) => [
  `Keys of Ceph's OSDs ${Math.min(...due.map((one) => one.osdKey))} -> ${osdKey}, one OSD after the other, each while Ceph can do without it:`,
  ...osds
    .filter(({ node }) => due.some(({ name }) => name === node.name))
    .map(
      ({ node, path }) =>
        `  ${node.name}: the monitors know the OSD on ${path} by key ${osdKey}, the former is refused; it is restarted with it`,
    ),
];

const volumes = (was: number, { kubernetesKey }: CephRotationsPlan) => [
  `Key of Kubernetes' volumes in Ceph ${was} -> ${kubernetesKey}, one line after the other, nothing is restarted for it:`,
  `  Ceph knows another user with key ${kubernetesKey}, beside the former`,
  `  Kubernetes asks by it for volumes that are made or mapped from then on`,
];
