import { roleOf } from "../config/plan";
import { printable } from "../ssh/report";
import {
  type ClusterStatus,
  listed,
  reportsOf,
  since,
  span,
  speakers,
  type Told,
  views,
} from "./cluster";
import { holdersOf } from "./judge/endpoint";
import { newestSnapshot } from "./judge/snapshots";
import type { Cell } from "./paint";

/** One line for each part of the cluster: its name, and what can be said in a breath. */
export function summary(status: ClusterStatus): Cell[][] {
  const line = (name: string, text: string | undefined): Cell[][] =>
    text === undefined ? [] : [[{ text: name, style: "dim" }, { text }]];
  return [
    ...line("Kubernetes", kubernetesLine(status)),
    ...line("etcd", etcdLine(status)),
    ...line("snapshot", snapshotLine(status)),
    ...line("backup", backupLine(status)),
    ...line("Ceph", cephLine(status)),
    ...line("versions", versionsLine(status)),
    ...line("packages", packagesLine(status)),
    ...line("lock", lockLine(status)),
  ];
}

const ofAll = (count: number, all: number) => (count === all ? `${all}` : `${count} of ${all}`);

function kubernetesLine(status: ClusterStatus): string | undefined {
  const { plan, kubernetes, answers } = status;
  if (plan.masters.length === 0) return undefined;
  const isStranger = ({ name }: { readonly name: string }) =>
    plan.unmanaged.some((node) => node.name === name);
  const ours = (kubernetes?.nodes ?? []).filter((node) => !isStranger(node));
  const strangers = (kubernetes?.nodes ?? []).filter(isStranger);
  const ready = (of: typeof ours) => of.filter(({ ready }) => ready?.status === "True").length;
  const servers = reportsOf(answers).filter(
    ({ node, report }) => roleOf(node) === "master" && report.apiReady,
  ).length;
  const others =
    plan.unmanaged.length === 0
      ? ""
      : `, ${ofAll(ready(strangers), plan.unmanaged.length)} unmanaged Ready`;
  const nodes = kubernetes ? `, ${ofAll(ready(ours), ours.length)} nodes Ready${others}` : "";
  const waiting = kubernetes?.requests?.length ?? 0;
  const requests = waiting === 0 ? "" : `, ${waiting} certificate requests wait`;
  const workloads = (kubernetes?.workloads ?? []).map(
    ({ name, ready, wanted }) => `, ${name} ${ready}/${wanted}`,
  );
  const holders = holdersOf(status);
  const vip = holders.length === 0 ? "" : `, ${plan.endpoint.vip?.address} at ${listed(holders)}`;
  return `${ofAll(servers, plan.masters.length)} API servers answer${vip}${nodes}${requests}${workloads.join("")}`;
}

function etcdLine({ members, answers }: ClusterStatus): string | undefined {
  if (!members) return undefined;
  const told = views("etcd", answers).map(({ view }) => view);
  const healthy = told.filter(({ healthy }) => healthy).length;
  const leader = members.find(({ id }) => told.some((own) => own.healthy && own.leader === id));
  const size = Math.max(...told.map(({ size = 0 }) => size));
  return `${ofAll(healthy, members.length)} members healthy, leader ${leader?.name ?? "none"}, database ${amount(size)}`;
}

/** Of the newest snapshot that is good: how old it is, how it is called, and on which master it lies. */
function snapshotLine(status: ClusterStatus): string | undefined {
  const newest = newestSnapshot(status);
  if (newest === undefined) return undefined;
  const { good, node } = newest;
  return `${span(status.now - good.time)} ago, ${printable(good.name, 100)} on ${node.name}`;
}

/** Of the newest backup of Pulumi's state: how old it is, and whether it has what the last `up` changed on a node. */
function backupLine({ answers, now }: ClusterStatus): string | undefined {
  const masters = views("etcd", answers);
  if (masters.length === 0) return undefined;
  const [newest] = masters
    .flatMap(({ node, view: { snapshot } }) =>
      snapshot?.backup ? [{ node, backup: snapshot.backup }] : [],
    )
    .sort((a, b) => b.backup.time - a.backup.time);
  if (!newest) return "the state was never saved: npm run backup";
  const { backup, node } = newest;
  const age = now - backup.time;
  const changed = reportsOf(answers)
    .flatMap(({ report: { steps } }) => Object.values(steps).map(({ at }) => since(at, now)))
    .some((ago) => ago < age);
  const behind = changed ? ", and something was changed since: npm run backup" : "";
  return `of the state ${span(age)} ago, ${printable(backup.name, 100)} on ${node.name}${behind}`;
}

function cephLine({ ceph }: ClusterStatus): string | undefined {
  if (!ceph) return undefined;
  const { monitors, osds, bytes, health, manager } = ceph;
  const quorum = monitors.filter(({ quorum }) => quorum).length;
  const up = osds.filter(({ up }) => up).length;
  const within = osds.filter((osd) => osd.in).length;
  const space = bytes.total > 0 ? `, ${amount(bytes.used)} of ${amount(bytes.total)} used` : "";
  return (
    `${health}, ${ofAll(quorum, monitors.length)} monitors in quorum, manager ${manager ?? "none"}, ` +
    `${ofAll(up, osds.length)} OSDs up, ${ofAll(within, osds.length)} in${space}`
  );
}

/** `4.2 MiB`. */
function amount(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${value.toFixed(value < 10 && power > 0 ? 1 : 0)} ${units[power]}`;
}

/** How many packages are outdated where, and how old the oldest list is by which that is known; undefined: none, or it is not known. */
function packagesLine({ answers, now }: ClusterStatus): string | undefined {
  const all = reportsOf(answers).map(({ node, report }) => ({ node, ...report.packages }));
  const outdated = all.flatMap(({ node, outdated = 0 }) =>
    outdated > 0 ? [`${outdated} on ${node.name}`] : [],
  );
  const lists = all.flatMap(({ lists }) => lists ?? []);
  if (outdated.length === 0 || lists.length === 0) return undefined;
  const age = span(Math.max(0, now - Math.min(...lists)));
  const rest = outdated.length > 5 ? `, and on ${outdated.length - 5} more nodes` : "";
  return `${outdated.slice(0, 5).join(", ")}${rest} outdated, by lists of up to ${age} ago`;
}

/** Each version once; where nodes differ, all of them with the names of the fewer. */
function versionsLine({ answers, plan }: ClusterStatus): string | undefined {
  const reports = reportsOf(answers).filter(({ report }) => report.lock !== null);
  if (reports.length === 0) return undefined;
  const tell = (label: string, of: (told: Told) => string | undefined) => {
    const by = new Map<string, string[]>();
    for (const told of reports) {
      const version = of(told);
      if (version !== undefined) by.set(version, [...(by.get(version) ?? []), told.node.name]);
    }
    const [most, ...others] = [...by].sort(([, a], [, b]) => b.length - a.length);
    if (!most) return [];
    const differing = others.map(([version, names]) => `${version} on ${names.join(", ")}`);
    return [`${label}${most[0]}${differing.length > 0 ? ` (${differing.join("; ")})` : ""}`];
  };
  const upstream = (version: string | undefined) => version?.replace(/^(\d+:)?([\d.]+).*/, "$2");
  return [
    ...tell("Kubernetes ", ({ report }) => report.versions.kubelet?.replace("Kubernetes v", "")),
    ...tell("etcd ", ({ node, report }) =>
      node.roles.includes(speakers.etcd) ? report.etcd?.version : undefined,
    ),
    ...tell("containerd ", ({ report }) => upstream(report.versions.containerd)),
    ...(plan.ceph ? tell("Ceph ", ({ report }) => upstream(report.versions.ceph)) : []),
    ...tell("", ({ report }) => report.versions.os?.replace(/GNU\/Linux | \(.*\)/g, "")),
    ...tell("Linux ", ({ report }) => report.versions.kernel),
  ].join(", ");
}

function lockLine({ answers, plan }: ClusterStatus): string | undefined {
  const lock = reportsOf(answers)
    .map(({ report }) => report.lock)
    .find((lock) => lock?.cluster_name === plan.name);
  return lock ? `cluster ${lock.cluster_id}, held by stack ${lock.stack ?? "?"}` : undefined;
}
