import assert from "node:assert/strict";
import { loadCluster } from "../../config/load";
import { type ClusterPlan, type NodePlan, roleOf } from "../../config/plan";
import { type Graph, type Registration, reveal } from "./record";
import { sampleFile } from "./samples";

/** The plan of a sample cluster: what its file says, beside what the program registers for it. */
export const planOfSample = (sample: string): ClusterPlan => loadCluster(sampleFile(sample));

export const commands = ({ resources }: Graph) =>
  resources.filter((r) => r.type === "command:remote:Command");

export function named(graph: Graph, name: string): Registration {
  const found = graph.resources.find((r) => r.custom && r.name === name);
  assert.ok(found, `no resource is named ${name}`);
  return found;
}

/** The commands that run once in a cluster's life. */
export const births = (graph: Graph) =>
  commands(graph).filter(({ name }) => name.endsWith("-genesis"));

/** The node whose step a command is; none for those of the whole cluster. */
export function ownerOf({ nodes }: ClusterPlan, { name }: Registration): NodePlan | undefined {
  return nodes.find((node) => new RegExp(`^(ceph-)?${node.name}-`).test(name));
}

/** The node on whose machine a step runs. */
export function machineOf({ nodes }: ClusterPlan, { urn, inputs }: Registration): NodePlan {
  const { host } = reveal(inputs.connection) as { host: string };
  const node = nodes.find(({ ssh }) => ssh.host === host);
  assert.ok(node, `${urn} dials ${host}, which is no node`);
  return node;
}

/** Who registers a step of a machine that is gone for good: all of its own, but for those by which others forget it. */
export function isLost(plan: ClusterPlan, command: Registration): boolean {
  return ownerOf(plan, command)?.lost === true && !command.name.endsWith("-forget");
}

/** The commands of machines that are there: those of a lost one stay as they were, and nobody waits for them. */
export const living = (graph: Graph, plan: ClusterPlan) =>
  commands(graph).filter((command) => !isLost(plan, command));

/** Names of the nodes that are there and run Kubernetes, sorted; by default of all of them. */
export function kubernetesNodes({ nodes }: ClusterPlan, ...roles: ReturnType<typeof roleOf>[]) {
  return nodes
    .filter((node) => !node.lost && roleOf(node) !== "storage")
    .filter((node) => roles.length === 0 || roles.includes(roleOf(node)))
    .map(({ name }) => name)
    .sort();
}
