import type { UnmanagedPlan } from "../../config/plan";
import type { Step } from "../step";

/** Seconds that its pods have to leave a node. */
const drainWithin = 300;

/** Runs on a master: a node that is not managed may come by a ticket. Undone, it is out of Kubernetes, and cannot come again. */
export function declare(
  node: UnmanagedPlan,
): Step<"TARGET" | "TARGET_IP" | "CERT_SANS" | "DRAIN_WITHIN"> {
  return {
    script: "declare",
    undo: "undeclare",
    variables: {
      TARGET: node.name,
      TARGET_IP: node.ip,
      CERT_SANS: JSON.stringify(node.certSans),
      DRAIN_WITHIN: String(drainWithin),
    },
  };
}
