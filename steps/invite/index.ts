import type * as pulumi from "@pulumi/pulumi";
import type { NodePlan } from "../../config/plan";
import type { Step } from "../step";

export interface InviteArgs {
  /** Who may join. */
  readonly node: NodePlan;
  /** Of its machine: changes when the machine was reinstalled. */
  readonly identity: pulumi.Input<string>;
  readonly token: { readonly id: pulumi.Input<string>; readonly secret: pulumi.Input<string> };
}

/** Minutes for which a node's bootstrap token is good. */
export const bootstrapTokenMinutes = 15;

/** Runs on a master just before a node's kubelet: the node is declared and its token minted, unless the machine is in. */
export function invite({
  node,
  identity,
  token,
}: InviteArgs): Step<"STEP" | "TARGET" | "TARGET_IP" | "IDENTITY" | "TOKEN_ID" | "TOKEN_MINUTES"> {
  return {
    script: "invite",
    variables: {
      STEP: `invitation of ${node.name}`,
      TARGET: node.name,
      TARGET_IP: node.ip,
      IDENTITY: identity,
      TOKEN_ID: token.id,
      TOKEN_MINUTES: String(bootstrapTokenMinutes),
    },
    secrets: { token_secret: token.secret },
  };
}
