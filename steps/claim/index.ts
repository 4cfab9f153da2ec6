import { type NodePlan, roleOf } from "../../config/plan";
import type { Step } from "../step";

export interface ClaimArgs {
  readonly node: NodePlan;
  /** Project and stack that hold the machine: `groundwork/prod`. */
  readonly stack: string;
}

/** The machine's lock is held. Undone, what the cluster put on the machine is off it, and the lock is released. */
export function claim({ node, stack }: ClaimArgs): Step<"ROLE" | "STACK" | "NODE_HOSTNAME"> {
  return {
    script: "claim",
    undo: "reset",
    variables: { ROLE: roleOf(node), STACK: stack, NODE_HOSTNAME: node.hostname },
    onForeignMachine: true,
  };
}
