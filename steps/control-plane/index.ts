import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan, NodePlan } from "../../config/plan";
import type { Step } from "../step";
import { unitFile } from "../unit";
import { admissionFiles } from "./admission";
import { admissionConfiguration, auditPolicy, authenticationConfiguration } from "./access";
import { encryptionConfiguration, encryptionKeyOf } from "./encryption";
import { apiServerUnit, controllerManagerUnit, schedulerUnit } from "./units";

/** A key that Secrets are encrypted with in etcd. */
export interface EncryptionKey {
  /** Which one it is: 1 is the key that the cluster was born with. */
  readonly number: number;
  /** Base64 of its 32 bytes. */
  readonly secret: pulumi.Output<string>;
}

/** A key that tokens of service accounts are signed with. */
export interface ServiceAccountKey {
  /** Which one it is: 1 is the key that the cluster was born with. */
  readonly number: number;
  readonly publicKey: pulumi.Output<string>;
  readonly privateKey: pulumi.Output<string>;
}

export interface ControlPlaneArgs {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
  /** What Secrets are encrypted with, the newest first. */
  readonly encryptionKeys: readonly EncryptionKey[];
  /** What sign tokens of service accounts, the newest first. */
  readonly serviceAccountKeys: readonly ServiceAccountKey[];
  /** What the services read when they start: see `files_of` in steps/lib/lib.sh. */
  readonly reads: pulumi.Input<string>;
}

type Variable =
  | "VERSION"
  | "READS"
  | "ENCRYPTION_KEY"
  | "SERVICE_ACCOUNT_KEYS"
  | "POD_SECURITY"
  | "POD_SECURITY_EXEMPT";

/** What the step starts, in this order. */
export const controlPlaneServices = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "groundwork-admission",
] as const;

/** API server, controller manager, scheduler and the admission of nodes run and answer, with the files they have now. */
export function controlPlane({
  cluster,
  node,
  encryptionKeys,
  serviceAccountKeys,
  reads,
}: ControlPlaneArgs): Step<Variable> {
  const { apiServer, extraArgs, rotations } = cluster.kubernetes;
  const { enforce, exemptNamespaces } = apiServer.podSecurity;
  const { oldestServiceAccountKey } = rotations;
  // A snapshot may be older than the newest key.
  const decrypts = cluster.etcd.restore ? encryptionKeys : encryptionKeys.slice(0, 1);
  const signs = serviceAccountKeys.slice(0, 1);
  const taken = serviceAccountKeys.filter(({ number }) => number >= oldestServiceAccountKey);
  return {
    script: "control-plane",
    variables: {
      VERSION: cluster.kubernetes.version,
      READS: reads,
      ENCRYPTION_KEY: String(rotations.encryptionKey),
      SERVICE_ACCOUNT_KEYS: String(taken.length),
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
      {
        path: "/etc/kubernetes/encryption.yaml",
        content: pulumi
          .all(decrypts.map(({ secret }) => secret))
          .apply((secrets) =>
            encryptionConfiguration(
              secrets.map((secret, i) => encryptionKeyOf(decrypts[i]?.number ?? 0, secret)),
            ),
          ),
        secret: true,
      },
      ...signs.map(({ privateKey }) => ({
        path: "/etc/kubernetes/pki/sa.key",
        content: privateKey,
        secret: true,
      })),
      {
        path: "/etc/kubernetes/pki/sa.pub",
        mode: "0644",
        content: pulumi.all(taken.map(({ publicKey }) => publicKey)).apply((keys) => keys.join("")),
        secret: true,
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
