import type { CephOsdPlan, CephPlan } from "../config/ceph";
import { type ClusterPlan, type NodePlan, runsCeph } from "../config/plan";
import type { Tell } from "./order";
import { besides, each, living } from "./turns";

/** The monitor that is asked about an OSD: best one on another machine, which outlives the OSD's. */
export function monitorFor({ monitors }: CephPlan, osd: CephOsdPlan): NodePlan | undefined {
  return besides(monitors, osd.node);
}

/** Who waits for whom of Ceph. */
export function orderCeph(
  { nodes, masters, networking }: ClusterPlan,
  ceph: CephPlan,
  former: readonly string[],
  step: Tell,
): void {
  // Ceph needs nothing of Kubernetes, but lets it go first, so that the two do not slow each other down. Each of its steps
  // needs its id: only this one names every node in the state.
  step("ceph-identity", "all joined", "all let in");
  const hosts = nodes.filter(runsCeph);
  const [first] = ceph.monitors;
  const { packages } = ceph;
  if (packages) step("ceph-upgrade", first && `${first.name}/prepare`);
  for (const { name } of hosts) {
    if (packages) step(`${name}/ceph-packages`, `${name}/prepare`, "ceph-upgrade");
    const closed = networking.firewall && `${name}/firewall`;
    step(`${name}/ceph-host`, `${name}/prepare`, closed, packages && `${name}/ceph-packages`);
    step(`${name}/ceph-keys`, `${name}/ceph-host`);
  }
  const were = ({ name }: NodePlan) => former.includes(name);
  const formerMonitors = ceph.monitors.filter(were);
  const { adminKey, kubernetesKey, oldestKubernetesKey, osdKey } = ceph.rotations;
  // Every machine of a monitor has the administrator's key that the cluster knows, before anybody asks by it.
  const renewed = adminKey > 1 ? "all administrators" : undefined;
  if (renewed) step(renewed, ...each(formerMonitors, "ceph-keys"));
  // Where their packages change, nothing restarts before all have them.
  const packed = packages ? "all of Ceph packed" : undefined;
  if (packed) step(packed, ...each(living(hosts).filter(were), "ceph-packages"));
  const others = living(hosts).filter((node) => node !== first);
  step("ceph-genesis", first && `${first.name}/ceph-keys`, ...each(others, "claim"));
  // Each change of their map makes the monitors elect a leader anew. At the birth nobody is served yet, and all come at once.
  ceph.monitors.forEach(({ name }, i) => {
    const previous = formerMonitors.length > 0 ? ceph.monitors[i - 1] : undefined;
    const chain = previous && `${previous.name}/ceph-mon`;
    step(`${name}/ceph-mon`, `${name}/ceph-keys`, "ceph-genesis", chain, renewed, packed);
  });
  for (const { name } of ceph.lost.monitors)
    step(`${name}/ceph-mon`, `${name}/ceph-keys`, "ceph-genesis");
  // What restarts OSDs that live goes from one to the next, machine by machine, after the monitors.
  step("all former monitors", ...each(formerMonitors, "ceph-mon"));
  if (packages) orderFollowers(ceph, hosts, were, step);
  const followed = packages ? "all followers of monitors" : "all former monitors";
  const idOf = ({ id, node }: CephOsdPlan) => `${node.name}/ceph-osd/${id}`;
  const turns = [followed, ...ceph.osds.filter(({ node }) => were(node)).map(idOf)];
  for (const osd of [...ceph.osds, ...ceph.lost.osds]) {
    const { name, lost } = osd.node;
    const asked = lost ? undefined : monitorFor(ceph, osd);
    const turn = turns[turns.indexOf(idOf(osd)) - 1];
    // No OSD may be newer than the monitors: a new one neither.
    const monitors = packages && !lost ? "all former monitors" : undefined;
    const monitor = asked && `${asked.name}/ceph-mon`;
    const told = osdKey > 1 ? `${name}/ceph-osd-tell/${osd.id}` : undefined;
    if (told) {
      // The machine has both keys when the monitors take the next, and the OSD's turn has come.
      const next = `${name}/ceph-osd-next/${osd.id}`;
      step(next, `${name}/ceph-keys`, "ceph-genesis");
      step(told, next, turn, monitor, renewed);
    }
    step(idOf(osd), `${name}/ceph-keys`, "ceph-genesis", turn, renewed, monitors, told);
    step(`${name}/ceph-member/${osd.id}`, idOf(osd), monitor);
  }
  const lost = hosts.filter((node) => node.lost);
  for (const { name } of lost) step(`${name}/ceph-forget`, first && `${first.name}/ceph-mon`);
  step(
    "ceph-configure",
    ...each(ceph.monitors, "ceph-mon"),
    ...ceph.osds.map(({ id, node }) => `${node.name}/ceph-member/${id}`),
    ...each(lost, "ceph-forget"),
  );
  if (packages) step("ceph-release", "ceph-configure", "all followers of monitors");
  if (oldestKubernetesKey > 1)
    step("ceph-retire", "ceph-configure", masters.length > 0 ? "ceph-addon" : undefined);
  if (masters.length === 0) return;
  // Ceph knows a user before Kubernetes asks by it.
  step("ceph-addon", "rights", kubernetesKey > 1 ? "ceph-configure" : undefined);
  // It counts as made when its pods run.
  step("ceph-driver", "rights", "all joined");
}

/**
 * When packages change, upstream has monitors restart first, all of them, then managers, then who reports crashes, then OSDs.
 *
 * @param hosts all machines of Ceph
 */
function orderFollowers(
  { monitors }: CephPlan,
  hosts: readonly NodePlan[],
  were: (node: NodePlan) => boolean,
  step: Tell,
): void {
  monitors.forEach(({ name }, i) => {
    const previous = monitors[i - 1];
    const turn = previous && `${previous.name}/ceph-follow`;
    step(`${name}/ceph-follow`, `${name}/ceph-mon`, "all former monitors", turn);
  });
  step("all managers", ...each(monitors, "ceph-follow"));
  const others = hosts.filter((node) => !monitors.includes(node));
  for (const { name, lost } of others)
    step(`${name}/ceph-follow`, `${name}/ceph-keys`, lost ? undefined : "all managers");
  step("all followers of monitors", ...each(living(hosts).filter(were), "ceph-follow"));
}
