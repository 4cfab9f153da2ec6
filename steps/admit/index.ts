import type * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan, NodePlan } from "../../config/plan";
import { networkLater, pluginOf } from "../../networks";
import type { Step } from "../step";

export interface AdmitArgs {
  /** Who is let in. */
  readonly node: NodePlan;
  /** Of its machine: changes when the machine was reinstalled. */
  readonly identity: pulumi.Input<string>;
  /** What it is let into. */
  readonly cluster: ClusterPlan;
  /** Id of its bootstrap token. */
  readonly tokenId: pulumi.Input<string>;
}

/** Seconds a removed node's pods have to leave it. */
const drainWithin = 300;

/** Runs on a master: a node that has joined serves, and has its labels and taints. Undone, it is drained and deleted. */
export function admit({
  node,
  identity,
  tokenId,
  cluster,
}: AdmitArgs): Step<
  | "TARGET"
  | "TARGET_IP"
  | "TOKEN_ID"
  | "IDENTITY"
  | "LABELS"
  | "TAINTS"
  | "READY_WITHIN"
  | "DRAIN_WITHIN"
  | "VERSION"
  | "NETWORK_LATER"
> {
  const { installation } = pluginOf(cluster);
  // Of pods the node first has to get the images.
  const readyWithin = installation ? 600 : 180;
  return {
    script: "admit",
    ...(readyWithin > 300 && { timeout: 2 * readyWithin }),
    undo: "dismiss",
    variables: {
      TARGET: node.name,
      TARGET_IP: node.ip,
      TOKEN_ID: tokenId,
      IDENTITY: identity,
      LABELS: JSON.stringify(node.labels),
      TAINTS: JSON.stringify(node.taints),
      READY_WITHIN: String(readyWithin),
      DRAIN_WITHIN: String(drainWithin),
      VERSION: cluster.kubernetes.version,
      NETWORK_LATER: networkLater(cluster),
      ...(installation && { NETWORK_PODS: installation.daemonSet }),
    },
  };
}
