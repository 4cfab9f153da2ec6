import assert from "node:assert/strict";
import { formerUrns, isGone } from "./formerUrns";
import type { Graph, Registration } from "./record";
import { recordSample } from "./samples";

/**
 * Under which URNs the engine finds a resource in the state, without stack and project: its own, and those it inherits of
 * its parent.
 */
function urnsOf({ resources }: Graph, resource: Registration): string[] {
  const byUrn = new Map(resources.map((r) => [r.urn, r]));
  const typesOf = (r: Registration): string[] => {
    const parent = byUrn.get(r.parent);
    const isRoot = !parent || parent.type === "pulumi:pulumi:Stack";
    const own = isRoot ? [r.type] : typesOf(parent).map((types) => `${types}$${r.type}`);
    return r.aliases.includes("parent=none") ? [...own, r.type] : own;
  };
  return typesOf(resource).map((types) => `${types}::${resource.name}`);
}

describe("a stack of the release before the cluster was a component", () => {
  it("goes on with every resource it has, and with each of them once", async () => {
    const graph = await recordSample("lost");
    const found = new Map<string, string[]>();
    for (const resource of graph.resources)
      for (const urn of urnsOf(graph, resource))
        found.set(urn, [...(found.get(urn) ?? []), resource.urn]);
    for (const urn of formerUrns.filter((urn) => !isGone(urn)))
      assert.equal(found.get(urn)?.length, 1, `${urn} is ${found.get(urn)?.join(", ") ?? "gone"}`);
  });

  it("is the only one whose names the program looks for", async () => {
    const { resources } = await recordSample("lost");
    const cluster = resources.find(({ name }) => name === "cluster");
    for (const { urn, parent, aliases, name } of resources) {
      const direct = parent === cluster?.urn && name !== "cluster-last";
      const parents = aliases.filter((alias) => alias.startsWith("parent="));
      assert.deepEqual(parents, direct ? ["parent=none"] : [], urn);
    }
  });
});
