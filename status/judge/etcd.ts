import type { NodePlan } from "../../config/plan";
import {
  type ClusterStatus,
  listed,
  peerUrl,
  reportsOf,
  forget,
  unlisted,
  views,
  word,
} from "../cluster";
import { about, type Finding } from "../finding";
import { isDone } from "../progress";
import type { EtcdMember, Report } from "../report";

const { problem, notice } = about("etcd");

/** Share of its quota that a database may fill before that is worth a word; full, it takes no more writes. */
const filling = 0.75;
const defaultQuota = 2 * 1024 ** 3;

/** etcd's members against the file's masters, and how they do. */
export function judgeEtcd(status: ClusterStatus): Finding[] {
  const { plan, members } = status;
  const told = views("etcd", status.answers);
  if (plan.masters.length === 0 || told.length === 0) return [];
  if (members === undefined) {
    return [
      problem(
        `etcd answers on none of ${listed(told.map(({ node }) => node.name))}`,
        "read journalctl -u etcd there",
      ),
    ];
  }
  const healthy = told.filter(({ view }) => view.healthy).length;
  return [
    ...(healthy === 0 ? [quorumLost(members)] : []),
    ...strangers(status, members),
    ...told
      .filter((own) => own.view.id === undefined && isDone(own, "etcd"))
      .filter(({ node }) => isMember(members, node))
      .map(({ node: { name } }) =>
        problem(`etcd on ${name} does not answer`, "read journalctl -u etcd there", name),
      ),
    ...told.flatMap(({ node: { name }, view }) => [
      ...apart(name, view, members),
      ...condition(name, view),
    ]),
    ...absent(status, members),
  ];
}

const isMember = (members: readonly EtcdMember[], node: NodePlan) =>
  members.some(({ peer }) => peer === peerUrl(node));

function quorumLost(members: readonly EtcdMember[]): Finding {
  const needed = Math.floor(members.filter(({ learner }) => !learner).length / 2) + 1;
  return problem(
    `etcd has no quorum: ${needed} of ${listed(members.map(({ name, peer }) => name || peer))} must run, and the API takes no writes`,
    "bring the masters that are down back; if they are gone for good, restore etcd from a snapshot",
  );
}

/** Members that the file does not know, and those that came only half way. */
function strangers({ plan, answers }: ClusterStatus, members: readonly EtcdMember[]): Finding[] {
  return members.flatMap(({ id, name, peer, started, learner }) => {
    const node = plan.masters.find((master) => peerUrl(master) === peer);
    if (!node) {
      return [
        problem(
          `etcd has a member ${name || "without a name"} at ${peer} that ${unlisted(plan, name)}`,
          forget(plan, name, `on a master: etcdctl member remove ${word(id, "ID")}`),
        ),
      ];
    }
    if (started && !learner) return [];
    const state = started ? "is still a learner" : "has never started";
    const reached = reportsOf(answers).some(({ node: { name } }) => name === node.name);
    return reached
      ? [problem(`${node.name}'s member of etcd ${state}`, "run pulumi up", node.name)]
      : [];
  });
}

/** Masters that became members, and are none. */
function absent({ answers }: ClusterStatus, members: readonly EtcdMember[]): Finding[] {
  return reportsOf(answers)
    .filter((told) => told.node.roles.includes("master") && isDone(told, "etcd"))
    .filter(({ node }) => !isMember(members, node))
    .map(({ node }) =>
      problem(
        `etcd has no member for master ${node.name}`,
        `raise ${node.name}'s generation in the file and run pulumi up: it joins again`,
        node.name,
      ),
    );
}

type Etcd = NonNullable<Report["etcd"]>;

/** A member that lives in a cluster of its own. */
function apart(node: string, etcd: Etcd, members: readonly EtcdMember[]): Finding[] {
  if (etcd.id === undefined || members.some(({ id }) => id === etcd.id)) return [];
  return [
    problem(
      `etcd on ${node} (member ${etcd.id}) is none of the cluster's members`,
      `raise ${node}'s generation in the file and run pulumi up: its data is put aside and it joins again`,
      node,
    ),
  ];
}

function condition(node: string, etcd: Etcd): Finding[] {
  const { errors, size = 0, quota = defaultQuota, halted } = etcd;
  const full = size / (quota || defaultQuota);
  return [
    ...(halted
      ? [problem(`${node} was stopped for a restore that has not ended`, "run pulumi up", node)]
      : []),
    ...(errors === undefined
      ? []
      : [problem(`etcd on ${node} says ${errors}`, "see etcdctl alarm list on a master", node)]),
    ...(full < filling
      ? []
      : [
          notice(
            `etcd's database on ${node} fills ${Math.round(100 * full)} % of its quota`,
            "run etcdctl defrag on each master in turn, and see what writes so much",
            node,
          ),
        ]),
  ];
}
