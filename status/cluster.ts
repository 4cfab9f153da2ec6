import type { ClusterPlan, NodePlan, Role } from "../config/plan";
import { ports } from "../config/ports";
import type { Answer } from "./ask";
import type { CephView, EtcdMember, KubernetesView, Report } from "./report";

/** The file, and what its nodes say: all that is known when it comes to judging. */
export interface ClusterStatus {
  readonly plan: ClusterPlan;
  /** One for each node that is not lost, in the order of the plan. */
  readonly answers: readonly Answer[];
  /** From the first master whose API server answered. What workers say of the cluster is not believed. */
  readonly kubernetes: KubernetesView | undefined;
  /** From the first member that sees a quorum, else from the first that answered. */
  readonly members: readonly EtcdMember[] | undefined;
  /** From the first monitor that answered. */
  readonly ceph: CephView | undefined;
  /** Seconds since 1970 by our clock. */
  readonly now: number;
}

/** Parts of the cluster, and who may speak of them: where their data and the administrators' keys are. */
export const speakers = {
  kubernetes: "master",
  etcd: "master",
  ceph: "ceph-mon",
} as const satisfies Partial<Record<keyof Report, Role>>;

/** What those say of a part of the cluster who may. */
export function views<Part extends keyof typeof speakers>(part: Part, answers: readonly Answer[]) {
  return reportsOf(answers).flatMap((told) => {
    const { node, report } = told;
    const view: Report[Part] = node.roles.includes(speakers[part]) ? report[part] : undefined;
    return view === undefined ? [] : [{ ...told, view }];
  });
}

/** Takes from each view of the cluster the first that is worth believing. */
export function gather(
  plan: ClusterPlan,
  answers: readonly Answer[],
  now: number = Date.now() / 1000,
): ClusterStatus {
  const etcd = views("etcd", answers).flatMap(({ view }) =>
    view.members.length > 0 ? [view] : [],
  );
  return {
    plan,
    answers,
    kubernetes: views("kubernetes", answers)[0]?.view,
    members: (etcd.find(({ healthy }) => healthy) ?? etcd[0])?.members,
    ceph: views("ceph", answers)[0]?.view,
    now,
  };
}

/** Whether nothing keeps a node from being Ready but that there is no network plugin, in its kubelet's words. */
export function lacksNetwork(ready: KubernetesView["nodes"][number]["ready"]): boolean {
  return (
    ready?.status === "False" &&
    ready.message.startsWith("container runtime network not ready: NetworkReady=false")
  );
}

/** An answer that holds a report. */
export type Told = Extract<Answer, { report: unknown }>;

export function reportsOf(answers: readonly Answer[]): Told[] {
  return answers.filter((answer): answer is Told => "report" in answer);
}

/** The nodes that gave no report. */
export function silent(answers: readonly Answer[]): ReadonlySet<string> {
  return new Set(answers.filter((answer) => !("report" in answer)).map(({ node }) => node.name));
}

/** The URL by which the other members of etcd know a master. */
export const peerUrl = (node: NodePlan) => `https://${node.ip}:${ports.etcdPeer}`;

/** `2 d`, `5 h`, `12 min`, `40 s`. */
export function span(seconds: number): string {
  if (seconds >= 2 * 86400) return `${Math.floor(seconds / 86400)} d`;
  if (seconds >= 2 * 3600) return `${Math.floor(seconds / 3600)} h`;
  if (seconds >= 120) return `${Math.floor(seconds / 60)} min`;
  return `${Math.max(0, Math.floor(seconds))} s`;
}

/** Seconds from a time of a report until `now`. */
export const since = (time: string, now: number) => now - Date.parse(time) / 1000;

/** `one`, `one and two`, `one, two and three`; of more than twelve the first ten, and how many more. */
export function listed(items: readonly string[]): string {
  if (items.length > 12) return `${items.slice(0, 10).join(", ")} and ${items.length - 10} more`;
  return items.length < 2
    ? (items[0] ?? "none")
    : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

/**
 * A name that others chose, as part of a command that is offered: a shell reads it as one word and a program as no option.
 * @param instead what the command has where the name is not like that
 */
export const word = (name: string, instead: string) =>
  /^[a-z0-9][a-z0-9.@_-]{0,252}$/i.test(name) ? name : instead;

/** What the file says of a name that should be no member: the end of a sentence. */
export function unlisted({ nodes }: ClusterPlan, name: string): string {
  const node = nodes.find((node) => node.name === name);
  if (!node) return "the file does not list";
  return node.lost ? "the file calls lost" : "has not that role in the file";
}

/** How such a member goes. @param byHand commands that remove it */
export function forget({ nodes }: ClusterPlan, name: string, byHand: string): string {
  return nodes.some((node) => node.name === name)
    ? "run pulumi up, which removes it"
    : `put it into the file again, or remove it by hand: ${byHand}`;
}
