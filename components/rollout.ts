import type * as pulumi from "@pulumi/pulumi";
import { type NodePlan, roleOf } from "../config/plan";

/**
 * The order in which a change of what all nodes run goes through the cluster: the masters one by one, then the workers a
 * tenth at a time, so that it stops where the first do not come back. Only among the nodes that the last `up` left: new
 * ones join at once, all of them, and nobody waits for them.
 */
export class Rollout {
  private readonly steps = new Map<string, pulumi.Resource>();

  /**
   * @param former names of the nodes that the last `up` left
   * @param before what has gone through all of them before this one begins; absent: nothing
   */
  constructor(
    private readonly former: pulumi.Output<readonly string[]>,
    private readonly before?: Rollout,
  ) {}

  /** The steps whose end a node's own must wait for. */
  turnOf(node: NodePlan, all: readonly NodePlan[]): pulumi.Output<pulumi.Resource[]> {
    return this.former.apply((former) => {
      const were = all.filter(({ name }) => former.includes(name));
      const batches = batchesOf(were.filter(({ name }) => this.steps.has(name)));
      const turn = batches.findIndex((batch) => batch.includes(node));
      return turn === 0
        ? (this.before?.stepsOf(were) ?? [])
        : this.stepsOf(batches[turn - 1] ?? []);
    });
  }

  private stepsOf(nodes: readonly NodePlan[]): pulumi.Resource[] {
    return nodes.flatMap(({ name }) => this.steps.get(name) ?? []);
  }

  /** Names a node's own step. */
  add(node: NodePlan, step: pulumi.Resource): void {
    this.steps.set(node.name, step);
  }
}

function batchesOf(nodes: readonly NodePlan[]): NodePlan[][] {
  const masters = nodes.filter((node) => roleOf(node) === "master");
  const workers = nodes.filter((node) => roleOf(node) === "worker");
  const size = Math.ceil(workers.length / 10);
  const batches = Array.from({ length: Math.ceil(workers.length / size) || 0 }, (_, i) =>
    workers.slice(i * size, (i + 1) * size),
  );
  return [...masters.map((master) => [master]), ...batches];
}
