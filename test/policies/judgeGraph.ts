import type { PolicyResource } from "@pulumi/policy";
import { clusterType } from "../../policies/facts";
import { type Graph, type Registration, reveal } from "../graph/record";
import { judge, toResource, type Violation } from "./harness";

/** What the pack says of all that the program registers. */
export function judgeGraph(
  graph: Graph,
  config: Parameters<typeof judge>[1] = {},
): Promise<Violation[]> {
  return judge(toResources(graph), config);
}

/** What is secret in a resource, as the graph tests' providers answer. */
const secretsOf = (name: string) =>
  Object.fromEntries(
    ["privateKeyPem", "result", "base64", "hex"].map((output) => [output, `SECRET-${name}`]),
  );

function toResources({ resources, facts }: Graph): PolicyResource[] {
  const byUrn = new Map(resources.map((r) => [r.urn, toResource(r.urn, toSample(r, facts))]));
  for (const { urn, dependsOn, parent } of resources) {
    const resource = byUrn.get(urn);
    if (!resource) continue;
    resource.dependencies = dependsOn.flatMap((urn) => byUrn.get(urn) ?? []);
    resource.parent = byUrn.get(parent);
  }
  return [...byUrn.values()];
}

function toSample({ urn, type, name, inputs, protect }: Registration, facts: Graph["facts"]) {
  const known = reveal(inputs) as Record<string, unknown>;
  const own = type === clusterType ? facts[urn] : secretsOf(name);
  return { type, name, protect, props: { ...own, ...known } };
}
