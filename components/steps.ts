import * as pulumi from "@pulumi/pulumi";
import type { Order, StepId } from "./order";

/** The resources that are steps, each registered when those are done that it waits for. */
export class Steps {
  private readonly made = new Map<StepId, readonly pulumi.Resource[]>();
  private readonly held = new Map<StepId, pulumi.Output<unknown>>();

  /** @param order known only after the whole cluster is constructed, so that a step may wait for one that is made later */
  constructor(private readonly order: pulumi.Output<Order>) {}

  /** Names the resources that the step `id` is. */
  add(id: StepId, ...resources: readonly pulumi.Resource[]): void {
    this.made.set(id, resources);
  }

  /** Has whatever waits for the step `id` wait for `until`, too, and fail with it. */
  hold(id: StepId, until: pulumi.Output<unknown>): void {
    this.held.set(id, until);
  }

  /**
   * Whether the step `id` has ended well in this `up`, known as soon as it is over; at a preview it counts as if it would. An `up`
   * that goes on after an error (`--continue-on-error`) has steps that have not.
   */
  ended(id: StepId): pulumi.Output<boolean> {
    const resources = this.made.get(id) ?? fail(`nothing is made of step ${id}`);
    const done = pulumi.all(resources.map(({ urn }) => urn)).apply(() => true);
    return pulumi.recover(done, () => false);
  }

  /** What the step `id` has to depend on. */
  before(id: StepId): pulumi.Output<pulumi.Resource[]> {
    return this.order.apply((order) => {
      const ids = waitsFor(order, id);
      const resources = ids.flatMap(
        (other) => this.made.get(other) ?? fail(`nothing is made of step ${other}`),
      );
      return pulumi.all(ids.flatMap((other) => this.held.get(other) ?? [])).apply(() => resources);
    });
  }
}

function waitsFor(order: Order, id: StepId): readonly StepId[] {
  const ids = order.get(id) ?? fail(`there is no step ${id}`);
  return ids.flatMap((other) => (other.startsWith("all ") ? waitsFor(order, other) : [other]));
}

function fail(message: string): never {
  throw new Error(`${message}, see components/order.ts`);
}
