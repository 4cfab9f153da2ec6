import assert from "node:assert/strict";
import { stepsOf } from "../../steps/ofNode";
import { readProgram } from "./program";
import { closure, reveal } from "./record";
import { recordSample, samples } from "./samples";
import { births, living, machineOf, planOfSample } from "./select";

describe("the list of a node's steps", () => {
  for (const cluster of samples) {
    it(`has what an up of cluster '${cluster}' does to its machine, in an order that it may have`, async () => {
      const graph = await recordSample(cluster);
      const plan = planOfSample(cluster);
      const born = births(graph);
      for (const node of plan.nodes.filter(({ lost }) => !lost)) {
        const own = living(graph, plan)
          .filter((step) => machineOf(plan, step) === node && !born.includes(step))
          .map((step) => ({ step, ...readProgram(reveal(step.inputs.stdin) as string) }))
          .filter(({ variables }) => variables.TARGET === undefined);
        const byName = new Map(
          own.map(({ step, variables: { STEP, OSD, IDENTITY } }) => {
            assert.ok(IDENTITY, `${step.urn} does not know for which life of its machine it runs`);
            return [[STEP, OSD].filter(Boolean).join("-"), step];
          }),
        );
        byName.delete("preflight");
        const listed = stepsOf(node, plan.ceph);
        assert.deepEqual([...byName.keys()].sort(), [...listed].sort(), node.name);
        listed.forEach((name, i) => {
          const before = closure(graph, byName.get(name)?.urn ?? "");
          for (const later of listed.slice(i + 1))
            assert.ok(!before.has(byName.get(later)?.urn ?? ""), `${name} waits for ${later}`);
        });
      }
    });
  }
});
