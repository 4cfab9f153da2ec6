import type * as pulumi from "@pulumi/pulumi";
import type { NodePlan } from "../../config/plan";
import type { Step } from "../step";

export interface AdmitArgs {
  /** Who is let in. */
  readonly node: NodePlan;
  /** Of its machine: changes when the machine was reinstalled. */
  readonly identity: pulumi.Input<string>;
  readonly token: { readonly id: pulumi.Input<string>; readonly secret: pulumi.Input<string> };
}

/** Minutes for which a node's bootstrap token is good. */
export const bootstrapTokenMinutes = 15;

/** Seconds a removed node's pods have to leave it. */
const drainWithin = 300;

/** Runs on a master: a node is in the cluster, with its labels and taints. Undone, it is drained and deleted. */
export function admit({
  node,
  identity,
  token,
}: AdmitArgs): Step<
  | "TARGET"
  | "TARGET_IP"
  | "TOKEN_ID"
  | "TOKEN_MINUTES"
  | "IDENTITY"
  | "LABELS"
  | "TAINTS"
  | "ANSWER_WITHIN"
  | "DRAIN_WITHIN"
> {
  return {
    script: "admit",
    undo: "dismiss",
    variables: {
      TARGET: node.name,
      TARGET_IP: node.ip,
      TOKEN_ID: token.id,
      TOKEN_MINUTES: String(bootstrapTokenMinutes),
      IDENTITY: identity,
      LABELS: JSON.stringify(node.labels),
      TAINTS: JSON.stringify(node.taints),
      ANSWER_WITHIN: "180",
      DRAIN_WITHIN: String(drainWithin),
    },
    secrets: { token_secret: token.secret },
  };
}
