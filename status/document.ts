import type { ClusterPlan, NodePlan } from "../config/plan";
import type { ClusterStatus } from "./cluster";
import type { Finding } from "./finding";
import { nextStep } from "./progress";

/** The screen's content for machines, as JSON: what was found, and everything the nodes said. */
export function document(
  status: ClusterStatus,
  findings: readonly Finding[],
  { healthy, seconds }: { healthy: boolean | null; seconds: number },
): string {
  const { plan, answers, kubernetes, members, ceph, now } = status;
  const nodes = answers.map((answer) => {
    const { node, ...said } = answer;
    const next = "report" in answer ? { next: nextStep(answer, plan) ?? null } : {};
    return { ...identify(node, plan), ...next, ...said };
  });
  const unmanaged = plan.unmanaged.map(({ name, ip }) => {
    const ready = kubernetes?.nodes.find((node) => node.name === name)?.ready?.status;
    return { name, ip, ready: kubernetes ? ready === "True" : null };
  });
  const at = new Date(now * 1000).toISOString();
  return `${JSON.stringify({ cluster: plan.name, healthy, at, seconds, findings, kubernetes, etcd: members && { members }, ceph, nodes, ...(unmanaged.length > 0 && { unmanaged }) }, null, 2)}\n`;
}

function identify({ name, ip, roles }: NodePlan, { kubernetes }: ClusterPlan) {
  return { name, ip, roles, wanted: { kubernetes: kubernetes.version } };
}
