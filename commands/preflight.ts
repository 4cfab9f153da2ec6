import { connect } from "node:net";
import type { z } from "zod";
import { besideOthers } from "../components/identities";
import { ownEndpoint } from "../config/endpoint";
import { loadCluster } from "../config/load";
import type { ClusterPlan, NodePlan } from "../config/plan";
import { preflightConflicts } from "../config/preflight";
import { type Asked, askEach } from "../ssh/ask";
import { examination, examinationProgram, type Finding } from "../steps/preflight/examination";
import { command, common, main, OperatorError } from "./command";

type Examined = Asked<z.infer<typeof examination>>;

/** Seconds: a machine in use answers in one; its server that knows the time has ten. */
const question = {
  schema: examination,
  patience: { connect: 10, ready: 10, attempts: 1 },
  seconds: 60,
};
const endpointSeconds = 5;

/** What is said of one machine, or of what all have. */
interface Verdict {
  /** Undefined: of the cluster's endpoint. */
  readonly node?: NodePlan;
  readonly findings: readonly Finding[];
  /** Why it could not be examined. */
  readonly failure?: string;
  readonly taken?: boolean;
}

export const preflight = command({
  name: "preflight",
  about:
    "Whether the machines of a file are fit to be its nodes: examines all of them, or the nodes that are named, and writes\n" +
    "nothing to any. Prints what speaks against each, and what to do. It judges as `pulumi up` does before it takes a machine.",
  arguments: "[NODE...]",
  count: [0, Infinity],
  options: {
    file: common.file,
    json: { type: "boolean", default: false, help: "the same as JSON, for scripts" },
  },
  statuses: { 0: "all machines are fit", 1: "something speaks against one" },
  async run({ file, json }, names) {
    const plan = loadCluster(file);
    const nodes = chosen(plan, names);
    const [asked, endpoint] = await Promise.all([
      askEach(nodes, { ...question, program: (node) => examinationProgram(plan, node) }),
      endpointFindings(plan),
    ]);
    const shared = await vipFindings(plan, asked);
    const verdicts = [
      ...asked.map((one) => verdict(one, asked, plan)),
      { findings: [...endpoint, ...shared] },
    ];
    process.stdout.write(json ? document(verdicts) : page(verdicts));
    if (verdicts.some(({ failure }) => failure !== undefined)) return 2;
    return verdicts.some(({ findings }) => findings.length > 0) ? 1 : 0;
  },
});

function chosen({ nodes }: ClusterPlan, names: readonly string[]): NodePlan[] {
  const known = nodes.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new OperatorError(
      `${unknown.join(", ")}: no such node in the file, which has ${known.join(", ")}`,
    );
  return nodes.filter(({ name, lost }) => !lost && (names.length === 0 || names.includes(name)));
}

function verdict(one: Examined, all: readonly Examined[], plan: ClusterPlan): Verdict {
  const { node } = one;
  if (!("report" in one)) {
    const { failure, remedy = failure } = one;
    const first = one.reached ? undefined : node.network?.bootstrapAddress;
    const later = `It has no network of the file yet, and may answer at ${first}: 'pulumi up' gives it that first, and examines it then.`;
    return { node, findings: [], failure: first === undefined ? remedy : `${remedy} ${later}` };
  }
  const { taken, facts, findings } = one.report;
  const others = all.flatMap((other) =>
    other !== one && "report" in other ? [{ node: other.node, facts: other.report.facts }] : [],
  );
  const shared = besideOthers({ node, facts }, others, plan.preflightAllow);
  return {
    node,
    taken,
    findings: [
      ...findings,
      ...shared.map(({ finding, text, remedy }) => ({ name: finding, text, remedy })),
    ],
  };
}

/**
 * Whether this machine could reach the API servers, once there are some: Pulumi's Kubernetes provider goes there from here.
 * One that refuses is fine, for nothing listens yet; one that is silent is filtered, or has no route from here.
 */
async function endpointFindings(plan: ClusterPlan) {
  const { masters, preflightAllow } = plan;
  const { host, port } = ownEndpoint(plan);
  if (masters.length === 0 || preflightAllow.includes("endpoint")) return [];
  const error = await dial(host, port);
  if (error === undefined || isAnswered(error)) return [];
  return [
    {
      name: "endpoint",
      text: `the API's endpoint https://${host}:${port} is not reached from this machine (${error.message}); an up would wait there for rights and DNS, and kubectl would not work`,
      remedy:
        error.code === "ENOTFOUND" || error.code === "EAI_AGAIN"
          ? "give it that name in DNS, or correct cluster.endpoint"
          : "open the port for this machine, give a reachable address as cluster.endpoint, or run pulumi where the nodes' network is reached",
    },
  ];
}

/** Whether somebody has the address already that the masters are to share: as long as none of them is the cluster's. */
async function vipFindings(plan: ClusterPlan, asked: readonly Examined[]): Promise<Finding[]> {
  const { vip } = plan.endpoint;
  const isMaster = ({ node }: Examined) => plan.masters.includes(node);
  const known = asked.filter(isMaster).flatMap((one) => ("report" in one ? [one.report] : []));
  if (!vip || known.length === 0 || known.some(({ taken }) => taken)) return [];
  if (plan.preflightAllow.includes("endpoint")) return [];
  const error = await dial(vip.address, 6443);
  if (error !== undefined && !isAnswered(error)) return [];
  return [
    {
      name: "endpoint",
      text: `another machine answers at ${vip.address}, the address that the masters are to share (cluster.endpoint.vip), though none of them is a node yet`,
      remedy: "give an address that nobody has, or take it from that machine",
    },
  ];
}

/** What came of a connection; undefined: it was taken. */
function dial(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const late = Object.assign(new Error(`no answer within ${endpointSeconds} s`), {
      code: "ETIMEDOUT",
    });
    const socket = connect({ host, port, timeout: endpointSeconds * 1000 });
    const end = (error?: NodeJS.ErrnoException) => {
      socket.destroy();
      resolve(error);
    };
    socket
      .once("connect", () => end())
      .once("timeout", () => end(late))
      .once("error", end);
  });
}

/** Whether a machine said no. */
const isAnswered = ({ code }: NodeJS.ErrnoException) =>
  code === "ECONNREFUSED" || code === "ECONNRESET";

const cannotBeAccepted = ({ name }: Finding) =>
  preflightConflicts.some((conflict) => conflict === name);

function page(verdicts: readonly Verdict[]): string {
  const lines = verdicts.flatMap(({ node, findings, failure, taken }) => {
    if (node === undefined && findings.length === 0) return [];
    const who = node === undefined ? "this machine" : `${node.name} (${node.ssh.host})`;
    if (failure !== undefined) return [`${who} could not be examined`, `  ${failure}`];
    if (findings.length === 0)
      return [`${who} is fit${taken ? ", and is a node of this cluster" : ""}`];
    return [
      `${who} is not fit`,
      ...findings.flatMap((finding) => [
        `  - ${finding.name}: ${finding.text}`,
        `    remedy: ${finding.remedy}`,
      ]),
    ];
  });
  const found = verdicts.flatMap(({ findings }) => findings);
  const acceptable = [
    ...new Set(found.filter((one) => !cannotBeAccepted(one)).map(({ name }) => name)),
  ];
  const hint =
    acceptable.length === 0
      ? []
      : [
          "",
          `What is on purpose may be accepted: cluster.preflight.allow: [${acceptable.sort().join(", ")}]`,
        ];
  return `${[...lines, ...hint].join("\n")}\n`;
}

function document(verdicts: readonly Verdict[]): string {
  const nodes = verdicts.flatMap(({ node, failure, taken, findings }) =>
    node === undefined
      ? []
      : [{ name: node.name, host: node.ssh.host, failure, taken, findings: findings.map(told) }],
  );
  const endpoint = verdicts.flatMap(({ node, findings }) => (node ? [] : findings.map(told)));
  return `${JSON.stringify({ nodes, endpoint }, null, 2)}\n`;
}

const told = (finding: Finding) => ({ ...finding, acceptable: !cannotBeAccepted(finding) });

if (require.main === module) void main(preflight);
