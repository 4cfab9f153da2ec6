import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { hostKey } from "../unit/clusterSample";
import { recordFile } from "./nodes";
import type { Graph } from "./record";
import { recordSample, sampleFile } from "./samples";

interface ClusterFile {
  cluster: unknown;
  nodes: { name: string; ip: string; roles: string[]; host_key: string }[];
}

/** The sample cluster with Ceph, and so many nodes more like its first or its last one. */
function recordWith(extra: number, role: "master" | "worker"): Promise<Graph> {
  const file = parse(readFileSync(sampleFile("ceph"), "utf8")) as ClusterFile;
  const like = role === "master" ? file.nodes[0] : file.nodes.at(-1);
  assert.ok(like);
  const more = Array.from({ length: extra }, (_, i) => ({
    ...like,
    name: `${role}-${11 + i}`,
    ip: `10.0.1.${11 + i}`,
    host_key: hostKey(11 + i),
  }));
  return recordFile({ ...file, nodes: [...file.nodes, ...more] });
}

const edges = ({ resources }: Graph) =>
  resources.reduce((sum, { dependsOn }) => sum + dependsOn.length, 0);

/** What each of a row of numbers is more than the one before. */
const steps = (numbers: readonly number[]) =>
  numbers.slice(1).map((number, i) => number - (numbers[i] ?? 0));

describe("the graph of a cluster that grows", function () {
  this.timeout(120_000);

  for (const role of ["worker", "master"] as const) {
    it(`gets as many resources and edges by its last ${role} as by the one before`, async () => {
      const graphs = [await recordSample("ceph")];
      for (const extra of [1, 2]) graphs.push(await recordWith(extra, role));
      const resources = steps(graphs.map((graph) => graph.resources.length));
      assert.ok((resources[0] ?? 0) > 10 && (resources[0] ?? 0) < 60, `${resources[0]} resources`);
      assert.deepEqual(resources, [resources[0], resources[0]]);
      const waits = steps(graphs.map(edges));
      assert.deepEqual(waits, [waits[0], waits[0]]);
    });
  }
});
