import type { CephPlan, CephRotationsPlan } from "../config/ceph";
import type { ClusterPlan } from "../config/plan";
import type { FormerCluster } from "../policies/facts";
import { refuseSuccession, type Succession } from "./former";

/** Numbers of what Ceph had at the end of the last `up`; undefined: there was no monitor. */
function formerOf({ nodes }: FormerCluster) {
  const were = Object.values(nodes).filter(({ roles }) => roles.includes("ceph-mon"));
  if (were.length === 0) return undefined;
  return {
    kubernetesKey: Math.max(...were.map(({ cephKubernetesKey = 1 }) => cephKubernetesKey)),
    adminKey: Math.max(...were.map(({ cephAdminKey = 1 }) => cephAdminKey)),
    authority: Math.max(...were.map(({ cephAuthority = 1 }) => cephAuthority)),
  };
}

/** The same of the OSDs of each node that had some. */
const formerOsds = ({ nodes }: FormerCluster) =>
  Object.entries(nodes)
    .filter(([, { roles }]) => roles.includes("ceph-osd"))
    .map(([name, { cephOsdKey = 1 }]) => ({ name, osdKey: cephOsdKey }));

/** @throws ClusterConfigError where a key or an authority is taken back, or ends before another is in use */
export function refuseFormerCephKeys(
  former: FormerCluster,
  plan: ClusterPlan,
  whose: string,
): void {
  const was = formerOf(former);
  if (!was || !plan.ceph) return;
  const { rotations } = plan.ceph;
  const key = {
    notBack: (newest: number) =>
      `is a former key, and key ${newest} is in use: a key is not taken back`,
    another: "another one",
  };
  const successions: readonly Omit<Succession, "path">[] = [
    { ...key, field: "admin_key", given: rotations.adminKey, were: [was.adminKey] },
    {
      ...key,
      field: "osd_key",
      given: rotations.osdKey,
      were: formerOsds(former).map(({ osdKey }) => osdKey),
    },
    {
      ...key,
      field: "kubernetes_key",
      given: rotations.kubernetesKey,
      were: [was.kubernetesKey],
      oldest: {
        field: "oldest_kubernetes_key",
        given: rotations.oldestKubernetesKey,
        ends: (number) => `would end key ${number}, by which volumes are in use today`,
        laterBy: "after the 'up' that brings key",
      },
    },
    {
      field: "authority",
      given: rotations.authority,
      were: [was.authority],
      notBack: (newest) =>
        `is a former number, and the dashboards' certificates are issued by authority ${newest}: it is not taken back`,
      another: "another one",
      oldest: {
        field: "oldest_authority",
        given: rotations.oldestAuthority,
        ends: (number) =>
          `would have the dashboards refused by everybody who trusts authority ${number} alone`,
        laterBy: "after the 'up' that brings authority",
      },
    },
  ];
  for (const succession of successions)
    refuseSuccession(whose, { path: ["cluster", "ceph", "rotations"], ...succession });
}

/** Which key or authority follows which, and what is done in which order; undefined: none does. */
export function cephKeysInWords(former: FormerCluster, plan: ClusterPlan): string | undefined {
  const was = formerOf(former);
  if (!was || !plan.ceph) return undefined;
  const { osds, rotations } = plan.ceph;
  const monitors = plan.ceph.monitors.map(({ name }) => name).join(", ");
  const due = formerOsds(former).filter(
    ({ name, osdKey }) => rotations.osdKey > osdKey && osds.some(({ node }) => node.name === name),
  );
  const parts = [
    rotations.adminKey > was.adminKey ? administrators(was.adminKey, rotations, monitors) : [],
    due.length > 0 ? storesInWords(due, plan.ceph) : [],
    rotations.kubernetesKey > was.kubernetesKey ? volumes(was.kubernetesKey, rotations) : [],
    plan.ceph.dashboard && rotations.authority > was.authority
      ? dashboards(was.authority, rotations, monitors)
      : [],
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

const dashboards = (was: number, { authority }: CephRotationsPlan, monitors: string) => [
  `Authority of Ceph's dashboards ${was} -> ${authority}, which the former vouches for:`,
  `  ${monitors}: managers restarted with certificates of it, one after the other`,
];
