import * as pulumi from "@pulumi/pulumi";
import { settled } from "../arguments/standIns";
import type { NodePlan } from "../config/plan";
import { remedyOf } from "./remedies";

/**
 * Adds to an error of the SSH client what to do about it, naming the node. For steps that have no delete: a delete may
 * run without the program, where the engine finds no hook and would hide the real error.
 */
export function remedyHook(name: string, node: NodePlan): pulumi.ErrorHook {
  return new pulumi.ErrorHook(`${name}-remedy`, async ({ errors }) => {
    const [latest = ""] = errors;
    // An error of a step's own script says for itself what to do.
    if (!latest.includes("groundwork:")) {
      const found = remedyOf(latest, await settled(node));
      if (found) await pulumi.log.error(found.text);
    }
    return false;
  });
}
