import type * as pulumi from "@pulumi/pulumi";
import type { RestorePlan } from "../../config/etcd";
import type { ClusterPlan } from "../../config/plan";
import { etcd, type EtcdArgs } from "../etcd";
import type { Step } from "../step";

/** The same step, which runs again after each restore that the file asks for: what it made true the snapshot may not have. */
export function afterRestore({ etcd: { restore } }: ClusterPlan, step: Step): Step {
  if (!restore) return step;
  return { ...step, variables: { ...step.variables, EPOCH: String(restore.epoch) } };
}

/** Addresses of the masters that live, space separated: any of them may be a member. */
const membersOf = ({ masters }: ClusterPlan) => masters.map(({ ip }) => ip).join(" ");

/** The restore may be done, and etcd's data is made of the snapshot. Nothing is stopped. */
export function restoreCheck(
  cluster: ClusterPlan,
  { epoch, path, discardLiving }: RestorePlan,
): Step<"EPOCH" | "SNAPSHOT" | "PEERS" | "LOST" | "DISCARD_LIVING"> {
  const lost = cluster.nodes.filter((node) => node.lost && node.roles.includes("master"));
  return {
    script: "restore-check",
    variables: {
      EPOCH: String(epoch),
      SNAPSHOT: path,
      PEERS: membersOf(cluster),
      LOST: lost.map(({ ip }) => ip).join(" "),
      DISCARD_LIVING: String(discardLiving),
    },
  };
}

/** Nothing of this master's control plane and etcd runs. Undone, it runs again, where the restore was not done. */
export function restoreHalt(cluster: ClusterPlan, { epoch }: RestorePlan): Step<"EPOCH" | "PEERS"> {
  return {
    script: "restore-halt",
    undo: "restore-resume",
    variables: { EPOCH: String(epoch), PEERS: membersOf(cluster) },
  };
}

/** etcd begins anew on this machine, with what the snapshot held. */
export function restore(
  args: Omit<EtcdArgs, "peers">,
  { epoch }: RestorePlan,
): Step<"EPOCH" | "PEERS" | "READS"> {
  const { variables, files } = etcd({ ...args, peers: membersOf(args.cluster) });
  return { script: "restore", variables: { ...variables, EPOCH: String(epoch) }, files };
}

/** Runs on a master whose API answers: Kubernetes knows no nodes but those of the file. */
export function restoreSettle({ nodes, unmanaged }: ClusterPlan): Step<"NODES"> {
  const living = nodes.filter(({ lost }) => !lost);
  const names: pulumi.Input<string> = [...living, ...unmanaged].map(({ name }) => name).join(" ");
  return { script: "restore-settle", variables: { NODES: names } };
}
