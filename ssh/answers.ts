import * as pulumi from "@pulumi/pulumi";
import { settled } from "../arguments/standIns";
import type { NodePlan } from "../config/plan";

/**
 * Keeps preflight from a machine that does not let us in, and from one whose shell does not run what it is given: what it
 * says instead would stand in the state as what preflight found, and nothing would run that again.
 */
export function answersHook(name: string, node: NodePlan): pulumi.ResourceHook {
  return new pulumi.ResourceHook(`${name}-answers`, async () => {
    // An SSH client takes its time to load, and a preview needs none.
    const { probe } = await import("./probe");
    await probe(await settled(node));
  });
}
