import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Graph, recordProgram } from "./record";

const folder = join(__dirname, "clusters");

/** The sample clusters, by name. */
export const samples = readdirSync(folder)
  .filter((file) => file.endsWith(".yaml"))
  .map((file) => file.slice(0, -".yaml".length))
  .sort();

export const sampleFile = (name: string) => join(folder, `${name}.yaml`);

const recorded = new Map<string, Promise<Graph>>();

/** The graph of a sample cluster, recorded once for all tests of a run: they only read it. */
export function recordSample(name: string, preview = false): Promise<Graph> {
  const key = `${name} ${preview}`;
  const graph = recorded.get(key) ?? recordProgram(sampleFile(name), { preview });
  recorded.set(key, graph);
  return graph;
}
