import type * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan, NodePlan } from "../../config/plan";
import type { Step } from "../step";
import { unitFile } from "../unit";
import { admissionFiles } from "./admission";
import {
  apiServerUnit,
  auditPolicy,
  authenticationConfiguration,
  controllerManagerUnit,
  schedulerUnit,
} from "./units";

export interface ControlPlaneArgs {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
  /** What the services read when they start: see `files_of` in steps/lib/lib.sh. */
  readonly reads: pulumi.Input<string>;
}

/** What the step starts, in this order. */
export const controlPlaneServices = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "groundwork-admission",
] as const;

/** API server, controller manager, scheduler and the admission of nodes run and answer, with the files they have now. */
export function controlPlane({ cluster, node, reads }: ControlPlaneArgs): Step<"READS"> {
  return {
    script: "control-plane",
    variables: { READS: reads },
    files: [
      { path: "/etc/kubernetes/audit-policy.yaml", content: auditPolicy(), constant: true },
      {
        path: "/etc/kubernetes/authentication.yaml",
        content: authenticationConfiguration(),
        constant: true,
      },
      unitFile("kube-apiserver", apiServerUnit(cluster, node)),
      unitFile("kube-controller-manager", controllerManagerUnit(cluster)),
      { ...unitFile("kube-scheduler", schedulerUnit()), constant: true },
      ...admissionFiles(),
    ],
  };
}
