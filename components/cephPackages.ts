import type { CephPlan } from "../config/ceph";
import { cephRelease, problemOfCephWay } from "../config/cephVersions";
import { refusal } from "../config/issues";
import { type ClusterPlan, type NodePlan, runsCeph } from "../config/plan";
import type { FormerCluster } from "../policies/facts";
import { namesOf } from "./former";

const path = ["cluster", "ceph", "packages", "version"];

/** Machines of Ceph that the last `up` left, in the order of their names. */
const formerHosts = (former: FormerCluster, { nodes }: ClusterPlan): NodePlan[] =>
  nodes.filter((node) => !node.lost && namesOf(former).includes(node.name) && runsCeph(node));

/** @throws ClusterConfigError where there is no way from the version that the last `up` left; what runs the step `ceph-upgrade` looks at */
export function refuseCephPackages(former: FormerCluster, plan: ClusterPlan, whose: string): void {
  const wanted = plan.ceph?.packages?.version;
  if (wanted === undefined) return;
  const hosts = formerHosts(former, plan);
  const due = hosts.filter(({ name }) => former.nodes[name]?.ceph !== wanted);
  for (const { name } of due) {
    const was = former.nodes[name]?.ceph;
    const why = was === undefined ? undefined : problemOfCephWay(was, wanted);
    if (why !== undefined) throw refusal(whose, path, `${wanted} ${why}; nothing was changed`);
  }
  const [first] = plan.ceph?.monitors ?? [];
  if (first && due.length > 0 && !hosts.includes(first))
    throw refusal(
      whose,
      path,
      `${wanted} is not what Ceph runs, and the first monitor by name, ${first.name}, is new, so that it cannot be asked whether the others may become it; add it first, then change the version; nothing was changed`,
    );
}

/** Which machines of Ceph get another version, and which daemons restart in which order; undefined: nobody does. */
export function cephPackagesInWords(former: FormerCluster, plan: ClusterPlan): string | undefined {
  const { ceph } = plan;
  const hosts = formerHosts(former, plan);
  if (!ceph || hosts.length === 0) return undefined;
  const was = ({ name }: NodePlan) => former.nodes[name]?.ceph;
  const wanted = ceph.packages?.version;
  const due = hosts.filter((node) => was(node) !== wanted);
  if (due.length === 0) return undefined;
  const were = [...new Set(due.map((node) => was(node) ?? "the distribution's"))].join(", ");
  if (wanted === undefined)
    return `Packages of Ceph are the distribution's again: what is installed, ${were}, stays until the distribution has a newer one, and nothing is restarted`;
  return [
    `Ceph ${were} -> ${wanted}, one line after the other:`,
    `  ${due.map(({ name }) => name).join(", ")}: packages, nothing is restarted`,
    ...restarts(ceph, due),
    `  OSDs of releases before ${cephRelease(wanted)} are taken in no more`,
  ].join("\n");
}

/** Daemons on these machines in upstream's order. */
function restarts({ monitors, osds }: CephPlan, due: readonly NodePlan[]): string[] {
  const ofMonitors = monitors.filter((node) => due.includes(node));
  const stores = due.filter((node) => osds.some((osd) => osd.node === node));
  return [
    ...ofMonitors.map(({ name }) => `  ${name}: monitor`),
    ...ofMonitors.map(({ name }) => `  ${name}: manager and reporter of crashes`),
    ...stores.map(({ name }) => `  ${name}: OSDs, each when all data has its copies`),
  ];
}
