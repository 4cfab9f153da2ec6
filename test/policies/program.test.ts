import type { PolicyResource } from "@pulumi/policy";
import assert from "node:assert/strict";
import { clusterType } from "../../policies/facts";
import { type Graph, type Registration, reveal } from "../graph/record";
import { recordSample } from "../graph/samples";
import { judge, toResource } from "./harness";

/** What is secret in a resource, as the graph tests' providers answer. */
const secretsOf = (name: string) =>
  Object.fromEntries(
    ["privateKeyPem", "result", "base64", "hex"].map((output) => [output, `SECRET-${name}`]),
  );

function toResources({ resources }: Graph): PolicyResource[] {
  const byUrn = new Map(resources.map((r) => [r.urn, toResource(r.urn, toSample(r))]));
  for (const { urn, dependsOn, parent } of resources) {
    const resource = byUrn.get(urn);
    if (!resource) continue;
    resource.dependencies = dependsOn.flatMap((urn) => byUrn.get(urn) ?? []);
    resource.parent = byUrn.get(parent);
  }
  return [...byUrn.values()];
}

function toSample({ type, name, inputs, protect }: Registration) {
  const known = reveal(inputs) as Record<string, unknown>;
  const own = type === clusterType ? { before: {} } : secretsOf(name);
  return { type, name, protect, props: { ...own, ...known } };
}

for (const cluster of ["small", "large"]) {
  for (const preview of [true, false]) {
    describe(`the program for cluster '${cluster}' ${preview ? "at preview" : "at up"}`, () => {
      let graph: Graph;
      before(async function () {
        this.timeout(60_000);
        graph = await recordSample(cluster, preview);
      });

      it("shows the policies its cluster", () => {
        const shown = graph.resources.filter(({ type }) => type === clusterType);
        assert.equal(
          shown.length,
          1,
          `there is no ${clusterType}, and policies about the file are silent`,
        );
        assert.deepEqual(shown[0]?.dependsOn, [], `${shown[0]?.urn} is judged late`);
        assert.doesNotMatch(JSON.stringify(shown[0]?.inputs), /04da6b54|PRIVATE/);
      });

      it("violates no policy", async () => {
        const found = await judge(toResources(graph));
        assert.deepEqual(
          found.map(({ policy, message }) => `${policy}: ${message}`),
          [],
        );
      });
    });
  }
}
