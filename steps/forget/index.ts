import type * as pulumi from "@pulumi/pulumi";
import type { NodePlan } from "../../config/plan";
import type { Step } from "../step";

/** Seconds in which Kubernetes must have noticed that the machine is gone: its own limit is 50. */
const silentWithin = 90;

/** Runs on a master: a node whose machine is gone for good is out of etcd and Kubernetes. */
export function forget({
  node,
  identity,
}: {
  readonly node: NodePlan;
  readonly identity: pulumi.Input<string>;
}): Step<"TARGET" | "TARGET_IP" | "IDENTITY" | "SILENT_WITHIN"> {
  return {
    script: "forget",
    variables: {
      TARGET: node.name,
      TARGET_IP: node.ip,
      IDENTITY: identity,
      SILENT_WITHIN: String(silentWithin),
    },
  };
}
