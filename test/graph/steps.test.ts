import assert from "node:assert/strict";
import type { ClusterPlan, NodePlan } from "../../config/plan";
import { expectedUnits } from "../../status/judge/machine";
import { stepsOf } from "../../steps/ofNode";
import { unitsOn } from "./nodeFiles";
import { readProgram } from "./program";
import { closure, type Graph } from "./record";
import { recordSample, samples } from "./samples";
import { births, living, machineOf, planOfSample } from "./select";

const ofRestore = ["restore-check", "restore-halt", "restore", "restore-settle"];

for (const cluster of samples) {
  describe(`what is known of the nodes of cluster '${cluster}'`, () => {
    let graph: Graph;
    let plan: ClusterPlan;
    before(async () => {
      graph = await recordSample(cluster);
      plan = planOfSample(cluster);
    });
    const nodes = () => plan.nodes.filter(({ lost }) => !lost);
    /** What an `up` does to a node's machine for itself, births left out. */
    const programs = (node: NodePlan) =>
      living(graph, plan)
        .filter((step) => machineOf(plan, step) === node && !births(graph).includes(step))
        .map((step) => ({ step, ...readProgram(step.program) }))
        .filter(({ variables }) => variables.TARGET === undefined);

    it("has their steps as an up does them, in an order that it may have", () => {
      for (const node of nodes()) {
        const byName = new Map(
          programs(node).map(({ step, variables: { STEP, OSD, IDENTITY } }) => {
            assert.ok(IDENTITY, `${step.urn} does not know for which life of its machine it runs`);
            return [[STEP, OSD].filter(Boolean).join("-"), step];
          }),
        );
        // Of a restore is noted what an `up` has in its course only, and once.
        for (const name of ["preflight", ...ofRestore]) byName.delete(name);
        const listed = stepsOf(node, plan);
        assert.deepEqual([...byName.keys()].sort(), [...listed].sort(), node.name);
        listed.forEach((name, i) => {
          const before = closure(graph, byName.get(name)?.urn ?? "");
          for (const later of listed.slice(i + 1))
            assert.ok(!before.has(byName.get(later)?.urn ?? ""), `${name} waits for ${later}`);
        });
      }
    });

    it("has the units that their steps bring, but for those that others start", async () => {
      for (const node of nodes()) {
        const own = [...(await unitsOn(cluster, node.name))]
          .filter(([, text]) => text.includes("[Install]"))
          .map(([unit]) => unit.replace(/\.service$/, ""));
        const ofPackages = /^(containerd|ceph-(mon|mgr)@.*)$/;
        const expected = expectedUnits(node, plan).filter((unit) => !ofPackages.test(unit));
        assert.deepEqual(expected.sort(), own.sort(), node.name);
      }
    });
  });
}
