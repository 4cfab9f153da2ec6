import assert from "node:assert/strict";
import { clusterType } from "../../policies/facts";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { judgeGraph } from "./judgeGraph";

for (const cluster of ["small", "large", "storage"]) {
  for (const preview of [true, false]) {
    describe(`the program for cluster '${cluster}' ${preview ? "at preview" : "at up"}`, () => {
      let graph: Graph;
      before(async () => {
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
        const found = await judgeGraph(graph);
        assert.deepEqual(
          found.map(({ policy, message }) => `${policy}: ${message}`),
          [],
        );
      });
    });
  }
}
