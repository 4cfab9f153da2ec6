import { type ClusterPlan, type NodePlan, type Role, roleOf } from "../../config/plan";
import { localApi, ports } from "../../config/ports";
import { pluginOf } from "../../networks";
import type { Answer } from "../ask";
import { type ClusterStatus, reportsOf, since, span, speakers, type Told, word } from "../cluster";
import { about, type Finding } from "../finding";
import { nextStep } from "../progress";
import type { Report } from "../report";

/** What was found, and what to do about it. */
type Saying = readonly [what: string, remedy: string];

/** One machine: whether it answers, is this cluster's, got through its steps, and runs what it should. */
export function judgeMachine(answer: Answer, status: ClusterStatus): Finding[] {
  const { node } = answer;
  const problem = (saying: Saying) => about("machine").problem(...saying, node.name);
  if (!("report" in answer)) return [problem(silence(answer, status))];
  const { report } = answer;
  const belonging = ownership(node, report, status);
  if (belonging) return [problem(belonging)];
  const next = nextStep(answer, status.plan);
  return [
    ...(next === undefined
      ? []
      : [problem([`${node.name} has not got through step ${next}`, "run pulumi up"])]),
    ...services(answer, next === undefined, status).map((saying) =>
      about("services").problem(...saying, node.name),
    ),
    ...disk(node, report),
    ...restart(node, report),
    ...settings(node, report),
    ...pretends(node, report).map(problem),
  ];
}

/** What it says of the cluster though it has no part in it. */
function pretends({ name, roles }: NodePlan, report: Report): Saying[] {
  return Object.entries(speakers)
    .filter(([part, role]) => report[part as keyof typeof speakers] && !roles.includes(role))
    .map(([part, role]) => [
      `${name} speaks of ${part} as a node with role ${role} does, which it is not; it is not believed`,
      "run pulumi up if it had that role; else look who put keys of the cluster there (/etc/kubernetes/admin.conf, /etc/etcd, /etc/ceph)",
    ]);
}

function silence(answer: Extract<Answer, { failure: string }>, status: ClusterStatus): Saying {
  const { node, failure, reached, remedy } = answer;
  const { host, port } = node.ssh;
  if (reached) {
    return [
      `${node.name} lets us in, but gives no report: ${failure}`,
      remedy ?? "log in and run status/status.sh there",
    ];
  }
  if (remedy !== undefined) return [`${node.name} is not reached: ${failure}`, remedy];
  const others = seenByOthers(node, status);
  const seen = others.length === 0 ? "" : `; ${others.join("; ")}`;
  return [
    `${node.name} does not answer over SSH at ${host}:${port} (${failure})${seen}`,
    `power it on, or check its network; if it is gone for good, set lost: true in its entry and run pulumi up`,
  ];
}

/** What the cluster says of a machine that says nothing itself. */
function seenByOthers(node: NodePlan, { kubernetes, ceph, now }: ClusterStatus): string[] {
  const own = kubernetes?.nodes.find(({ name }) => name === node.name);
  const ready = own?.ready;
  const monitor = ceph?.monitors.find(({ name }) => name === node.name);
  return [
    ...(ready
      ? [`${ready.status === "True" ? "Ready" : "not Ready"} for ${span(since(ready.since, now))}`]
      : []),
    ...(monitor ? [`its monitor is ${monitor.quorum ? "in" : "out of"} the quorum`] : []),
  ];
}

/** Whether the machine's lock names another cluster, another node, or nobody. */
function ownership(node: NodePlan, { lock }: Report, status: ClusterStatus): Saying | undefined {
  if (lock === null) {
    return status.kubernetes?.nodes.some(({ name }) => name === node.name)
      ? [
          `${node.name} was installed anew: it belongs to no cluster, but Kubernetes knows it`,
          `give its new host_key in the file, or raise its generation, and run pulumi up`,
        ]
      : [`${node.name} belongs to no cluster yet`, "run pulumi up"];
  }
  const { cluster_name: cluster, cluster_id: id } = lock;
  if (cluster !== status.plan.name || id !== commonId(status)) {
    return [
      `${node.name} belongs to cluster ${cluster} (${id}), not to this one`,
      "remove it there first; if that cluster is gone, run steps/claim/reset.sh on it with that id",
    ];
  }
  if (lock.node !== node.name) {
    return [
      `${node.name} is ${lock.node} of this cluster by its own lock`,
      "two entries of the file lead to one machine, or a node was renamed: correct the file",
    ];
  }
  return undefined;
}

/** The cluster's id, as most of the locks with its name have it: of those who may speak of the cluster, if they answer. */
function commonId({ plan, answers }: ClusterStatus): string | undefined {
  const count = new Map<string, number>();
  const all = reportsOf(answers);
  const roles: readonly Role[] = Object.values(speakers);
  const chosen = all.filter(({ node }) => node.roles.some((role) => roles.includes(role)));
  for (const { report } of chosen.length > 0 ? chosen : all) {
    if (report.lock?.cluster_name !== plan.name) continue;
    const { cluster_id: id } = report.lock;
    count.set(id, (count.get(id) ?? 0) + 1);
  }
  return [...count].sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** The units that must run on a node. OSDs are numbered by Ceph, and judged as its members. */
export function expectedUnits(
  node: NodePlan,
  {
    etcd,
    kubernetes,
    networking,
    endpoint,
  }: Pick<ClusterPlan, "etcd" | "kubernetes" | "networking" | "endpoint">,
): string[] {
  const everywhere: readonly string[] = [
    "containerd",
    "kubelet",
    ...(kubernetes.kubeProxy.mode === "off" ? [] : ["kube-proxy"]),
    ...pluginOf({ networking }).services.map(({ name }) => name),
  ];
  const units: Readonly<Record<ReturnType<typeof roleOf>, readonly string[]>> = {
    master: [
      ...everywhere,
      "etcd",
      "kube-apiserver",
      "kube-controller-manager",
      "kube-scheduler",
      "groundwork-admission",
    ],
    worker: [...everywhere, "kube-api-proxy"],
    storage: [],
  };
  const monitor = node.roles.includes("ceph-mon");
  const isMaster = roleOf(node) === "master";
  return [
    ...units[roleOf(node)],
    "groundwork-metrics.timer",
    ...(networking.firewall ? ["groundwork-firewall"] : []),
    ...(node.takesCalls ? ["groundwork-join-service"] : []),
    ...(isMaster && endpoint.vip ? ["groundwork-vip"] : []),
    ...(isMaster && etcd.snapshots.enabled ? ["groundwork-snapshot.timer"] : []),
    ...(monitor ? [`ceph-mon@${node.name}`, `ceph-mgr@${node.name}`] : []),
  ];
}

/** @param complete whether it is through all its steps */
function services(
  { node, report }: Told,
  complete: boolean,
  { plan, now }: ClusterStatus,
): Saying[] {
  const missing = expectedUnits(node, plan).filter(
    (unit) => complete && !report.units.some(({ name }) => name === unit),
  );
  const dead = report.units.filter(({ active }) => active !== "active");
  const deaf = report.apiReady === false && dead.length === 0 && missing.length === 0 && complete;
  return [
    ...missing.map((unit): Saying => [`${node.name} has no unit ${unit}`, "run pulumi up"]),
    ...dead.map(({ name, active, sub, since: time, restarts }): Saying => {
      const long = time === undefined ? "" : ` for ${span(since(time, now))}`;
      const often = restarts === 0 ? "" : `, after ${restarts} restarts`;
      return [
        `${name} on ${node.name} is ${active} (${sub})${long}${often}`,
        `read journalctl -u ${word(name, "UNIT")} there; pulumi up with a change of its files, or systemctl start, brings it back`,
      ];
    }),
    ...(deaf
      ? [
          [
            `${node.name} finds no API server at ${localApi}`,
            roleOf(node) === "master"
              ? "read journalctl -u kube-apiserver there"
              : `see whether it reaches port ${ports.apiServer} of the masters`,
          ] as const,
        ]
      : []),
  ];
}

/** Shares of /var/lib that must be free: below the first is a notice, below the second a problem. */
const scarce = 0.15;
const exhausted = 0.05;

function disk(node: NodePlan, { disk }: Report): Finding[] {
  if (!disk || disk.free >= disk.size * scarce) return [];
  return [
    about("disk")[disk.free < disk.size * exhausted ? "problem" : "notice"](
      `${node.name} has ${Math.floor((100 * disk.free) / disk.size)} % of /var/lib free`,
      "make room: kubelets evict pods below 10 %, and Ceph and etcd stop when it is full",
      node.name,
    ),
  ];
}

/** What was installed, and does not run before the machine is restarted. */
function restart({ name }: NodePlan, { packages }: Report): Finding[] {
  if (packages.restart === undefined) return [];
  return [
    about("machine").notice(
      `${name} is to be restarted (${packages.restart})`,
      "raise its maintenance in the file and run pulumi up: it is drained, its packages are upgraded, and it restarts",
      name,
    ),
  ];
}

/** What keeps its kubelet from starting, be it at the next boot. A hostile machine says as much of it as another. */
function settings({ name }: NodePlan, { settings }: Report): Finding[] {
  return settings.slice(0, 20).map(({ key, wanted, now, file }) => {
    const by = file === undefined ? "" : `; ${file} sets it after the cluster's 90-groundwork.conf`;
    const remedy = `${file === undefined ? "find out who set it" : `take ${key} out of ${file}`}, and run 'sysctl ${word(key, "KEY")}=${word(wanted, "VALUE")}' there`;
    return now === wanted
      ? about("machine").notice(
          `${name} will not have ${key} = ${wanted} after its next boot: ${file} is read after the cluster's 90-groundwork.conf`,
          remedy,
          name,
        )
      : about("machine").problem(
          `${name} has ${key} = ${now}, not ${wanted}, ${key.startsWith("net.") ? "which its pods need" : "and its kubelet starts with no other"}${by}`,
          remedy,
          name,
        );
  });
}
