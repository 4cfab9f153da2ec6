import type * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan, NodePlan } from "../../config/plan";
import type { Step } from "../step";
import { unitFile } from "../unit";
import { admissionFiles } from "./admission";
import { admissionConfiguration, auditPolicy, authenticationConfiguration } from "./access";
import { apiServerUnit, controllerManagerUnit, schedulerUnit } from "./units";

export interface ControlPlaneArgs {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
  /** What the services read when they start: see `files_of` in steps/lib/lib.sh. */
  readonly reads: pulumi.Input<string>;
}

type Variable = "VERSION" | "READS" | "POD_SECURITY" | "POD_SECURITY_EXEMPT";

/** What the step starts, in this order. */
export const controlPlaneServices = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "groundwork-admission",
] as const;

/** API server, controller manager, scheduler and the admission of nodes run and answer, with the files they have now. */
export function controlPlane({ cluster, node, reads }: ControlPlaneArgs): Step<Variable> {
  const { apiServer, extraArgs } = cluster.kubernetes;
  const { enforce, exemptNamespaces } = apiServer.podSecurity;
  return {
    script: "control-plane",
    variables: {
      VERSION: cluster.kubernetes.version,
      READS: reads,
      POD_SECURITY: enforce,
      POD_SECURITY_EXEMPT: exemptNamespaces.join(" "),
    },
    files: [
      {
        path: "/etc/kubernetes/audit-policy.yaml",
        content: auditPolicy(apiServer),
        constant: apiServer.auditPolicy === undefined,
      },
      {
        path: "/etc/kubernetes/authentication.yaml",
        content: authenticationConfiguration(apiServer),
        constant: apiServer.jwt.length === 0,
      },
      { path: "/etc/kubernetes/admission.yaml", content: admissionConfiguration(apiServer) },
      unitFile("kube-apiserver", apiServerUnit(cluster, node)),
      unitFile("kube-controller-manager", controllerManagerUnit(cluster)),
      {
        ...unitFile("kube-scheduler", schedulerUnit(cluster)),
        constant: Object.keys(extraArgs["kube-scheduler"]).length === 0,
      },
      ...admissionFiles(),
    ],
  };
}
