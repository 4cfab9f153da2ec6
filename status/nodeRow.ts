import { type NodePlan, roleOf, runsPods, type UnmanagedPlan } from "../config/plan";
import { printable } from "../ssh/report";
import type { Answer } from "./ask";
import { type ClusterStatus, peerUrl, since, span, type Told } from "./cluster";
import { type Finding, type Part, type Severity, worst } from "./finding";
import { daysLeft, judgeEnd } from "./judge/certificates";
import { expectedUnits } from "./judge/machine";
import type { Cell } from "./paint";
import { nextStep } from "./progress";
import type { KubernetesView } from "./report";

export const titles = [
  "",
  "NODE",
  "ROLE",
  "STATE",
  "SERVICES",
  "KUBERNETES",
  "ETCD",
  "CEPH",
  "CERTS",
  "DISK",
  "UP",
];

const marks = {
  problem: { text: "✗", style: "bad" },
  notice: { text: "!", style: "warn" },
} as const;

/** One line about a node. @param own what was found of it */
export function nodeRow(answer: Answer, status: ClusterStatus, own: readonly Finding[]): Cell[] {
  const { node } = answer;
  const of = (part: Part) =>
    worst(own.map(({ about, severity }) => (about === part ? severity : undefined)));
  const found = worst(own.map(({ severity }) => severity));
  const mark: Cell = found ? marks[found] : { text: "✓", style: "good" };
  const name: Cell = { text: node.name, style: "bold" };
  const common = [
    kubernetesCell(node, status, of("network") === "problem"),
    etcdCell(answer, status),
    cephCell(answer, status),
  ];
  if (!("report" in answer)) {
    const state: Cell = { text: answer.reached ? "no report" : "no answer", style: "bad" };
    return [mark, name, { text: roleOf(node) }, state, { text: "" }, ...common];
  }
  const { report } = answer;
  return [
    mark,
    name,
    { text: printable(report.state["node-role"] ?? roleOf(node), 40) },
    stateCell(answer, status),
    servicesCell(answer, status),
    ...common,
    certificatesCell(answer, status.now),
    diskCell(answer, of("disk")),
    upCell(answer, status.now),
  ];
}

/** One line about a node that is not managed: all that is known of it is what Kubernetes says. */
export function strangerRow(
  { name }: UnmanagedPlan,
  { kubernetes }: ClusterStatus,
  own: readonly Finding[],
): Cell[] {
  const found = worst(own.map(({ severity }) => severity));
  const mark: Cell = found ? marks[found] : { text: "✓", style: "good" };
  const text = kubernetes ? readyText(kubernetes, name) : "";
  const style = found && marks[found].style;
  const empty: Cell = { text: "" };
  return [
    mark,
    { text: name, style: "bold" },
    { text: "worker" },
    { text: "unmanaged" },
    empty,
    { text, ...(style && { style }) },
    empty,
    empty,
  ];
}

function readyText({ nodes }: KubernetesView, name: string): string {
  const known = nodes.find((node) => node.name === name);
  if (!known) return "unknown";
  if (known.ready?.status !== "True") return "NotReady";
  return known.cordoned ? "cordoned" : "Ready";
}

function stateCell(told: Told, { plan }: ClusterStatus): Cell {
  const { node, report } = told;
  if (report.lock === null) return { text: "unclaimed", style: "bad" };
  const next = nextStep(told, plan);
  if (next !== undefined) return { text: `at ${next}`, style: "bad" };
  return {
    text: runsPods(node) ? printable(report.state["bootstrap-state"] ?? "?", 40) : "ready",
  };
}

function servicesCell({ node, report }: Told, { plan }: ClusterStatus): Cell {
  const names = new Set([...expectedUnits(node, plan), ...report.units.map(({ name }) => name)]);
  const running = report.units.filter(({ active }) => active === "active").length;
  const text = `${running}/${names.size}`;
  return running === names.size ? { text } : { text, style: "bad" };
}

function kubernetesCell(node: NodePlan, { kubernetes }: ClusterStatus, cutOff: boolean): Cell {
  if (!kubernetes || !runsPods(node)) return { text: "" };
  const known = kubernetes.nodes.find(({ name }) => name === node.name);
  if (!known) return { text: "unknown", style: "bad" };
  if (known.ready?.status !== "True") return { text: "NotReady", style: "bad" };
  if (cutOff) return { text: "cut off", style: "bad" };
  return known.cordoned ? { text: "cordoned", style: "warn" } : { text: "Ready" };
}

function etcdCell(answer: Answer, { members }: ClusterStatus): Cell {
  const { node } = answer;
  if (roleOf(node) !== "master") return { text: "" };
  const member = members?.find(({ peer }) => peer === peerUrl(node));
  if (!member) return { text: "no member", style: "bad" };
  if (!("report" in answer)) return { text: "no answer", style: "bad" };
  const { etcd } = answer.report;
  if (etcd?.id === undefined) return { text: "down", style: "bad" };
  if (etcd.learner) return { text: "learner", style: "bad" };
  const text = etcd.leader === etcd.id ? "leader" : "member";
  return etcd.healthy ? { text } : { text: "no quorum", style: "bad" };
}

/** States of daemons that need no word. */
const well = ["leader", "peon", "running", "active"];

function cephCell(answer: Answer, status: ClusterStatus): Cell {
  if (!("report" in answer)) return { text: "" };
  const daemons = answer.report.cephDaemons.map(({ name, state }) => {
    const [kind = "", id = ""] = name.split(/\.(.*)/);
    const label =
      kind === "osd" ? name : kind === "mgr" && status.ceph?.manager === id ? "mgr*" : kind;
    return { text: well.includes(state) ? label : `${label}:${state}`, bad: !well.includes(state) };
  });
  const text = printable(daemons.map(({ text }) => text).join(" "), 100);
  return daemons.some(({ bad }) => bad) ? { text, style: "bad" } : { text };
}

function certificatesCell({ report }: Told, now: number): Cell {
  const ends = report.certificates.flatMap(({ path, expires }) => {
    if (expires === null) return [];
    const days = daysLeft(expires, now);
    return [{ days, severity: judgeEnd(path, days) }];
  });
  if (ends.length === 0) return { text: "" };
  const text = `${Math.min(...ends.map(({ days }) => days))} d`;
  const found = worst(ends.map(({ severity }) => severity));
  return { text, ...(found && { style: marks[found].style }) };
}

/** Since when it runs, whether it is to be restarted, and how many packages are outdated. */
function upCell({ report: { booted, packages } }: Told, now: number): Cell {
  const { outdated = 0, restart } = packages;
  const text = [
    booted === undefined ? "" : span(since(booted, now)),
    ...(restart === undefined ? [] : ["restart"]),
    ...(outdated > 0 ? [`${outdated} outdated`] : []),
  ].join(", ");
  return restart === undefined ? { text } : { text, style: "warn" };
}

function diskCell({ report: { disk } }: Told, found: Severity | undefined): Cell {
  if (!disk) return { text: "" };
  const text = `${Math.round(100 * (1 - disk.free / disk.size))} %`;
  return { text, ...(found && { style: marks[found].style }) };
}
