import type { CallPlan, NodePlan } from "../../config/plan";
import type { Step } from "../step";

/** Runs on a machine that takes calls: a node may call, by its host key. Undone, its connection is cut, and it is let in no more. */
export function expect(
  node: NodePlan,
  { address, port }: CallPlan,
): Step<"TARGET" | "TARGET_KEY" | "TARGET_ADDRESS"> {
  return {
    script: "expect",
    undo: "expect-no-more",
    variables: {
      TARGET: node.name,
      TARGET_KEY: node.ssh.hostKey,
      TARGET_ADDRESS: `${address}:${port}`,
    },
  };
}
