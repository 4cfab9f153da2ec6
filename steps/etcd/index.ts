import type * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan, NodePlan } from "../../config/plan";
import type { Step } from "../step";
import { unitFile } from "../unit";
import { etcdUnit } from "./unit";

export interface EtcdArgs {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
  /** Addresses of masters that may be members, space separated. */
  readonly peers: pulumi.Input<string>;
  /** What etcd reads when it starts: see `files_of` in steps/lib/lib.sh. */
  readonly reads: pulumi.Input<string>;
}

/** This machine is a voting member of etcd. Undone, it has left, if quorum holds without it. */
export function etcd({ cluster, node, peers, reads }: EtcdArgs): Step<"PEERS" | "READS"> {
  return {
    script: "etcd",
    undo: "etcd-leave",
    variables: { PEERS: peers, READS: reads },
    files: [unitFile("etcd", etcdUnit(cluster, node))],
  };
}
