import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan } from "../config/plan";
import { registrationBinding, registrationPolicy } from "../manifests/registration";
import { clusterRoleBindings, clusterRoles } from "../manifests/rbac";
import type { EtcdCluster } from "./etcdCluster";
import type { Master } from "./master";

export interface AddonsArgs {
  readonly cluster: ClusterPlan;
  /** Authority of what kubelets serve with, PEM. */
  readonly kubeletServingCa: pulumi.Input<string>;
  /** Kubeconfig of `system:masters`, made in the program: never read back from a node, so that it is never unknown again. */
  readonly kubeconfig: pulumi.Input<string>;
  readonly etcd: EtcdCluster;
  /** The master whose API server answers first. */
  readonly after: readonly Master[];
}

/** What Kubernetes is told as soon as it answers: the rights by which nodes join, who registers, and who vouches for kubelets. */
export class Addons extends pulumi.ComponentResource {
  /** For whatever else is put into Kubernetes. */
  readonly provider: kubernetes.Provider;
  /** The rights are there: nodes may join. */
  readonly rights: readonly pulumi.Resource[];

  constructor(name: string, args: AddonsArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Addons", name, {}, opts);
    const { cluster, etcd } = args;
    const dependsOn = args.after.map(({ ready }) => ready);
    // The provider reads the API's schema once, when it is configured: not before an API server answers.
    this.provider = new kubernetes.Provider(
      `${name}-provider`,
      {
        kubeconfig: args.kubeconfig,
        clusterIdentifier: cluster.name,
        enableServerSideApply: true,
        // An object whose creation was cut short is there, and the state does not know it.
        upsertExistingObjects: true,
        enablePatchForce: true,
        enableConfigMapMutable: true,
      },
      { parent: this, dependsOn },
    );
    // When the cluster goes, what lives in it goes with it.
    const child = {
      parent: this,
      provider: this.provider,
      dependsOn,
      deletedWith: etcd.genesis,
    };

    this.rights = [
      ...Object.entries(clusterRoles).map(
        ([role, rules]) =>
          new kubernetes.rbac.v1.ClusterRole(
            `${name}-${role}`,
            { metadata: { name: role }, rules },
            child,
          ),
      ),
      ...clusterRoleBindings.map(
        ({ name: binding, subject, formerly, role }) =>
          new kubernetes.rbac.v1.ClusterRoleBinding(
            `${name}-${binding.replaceAll(":", "-")}`,
            {
              metadata: { name: binding },
              subjects: [subject, ...(formerly ? [formerly] : [])].map((one) => ({
                apiGroup: "rbac.authorization.k8s.io",
                ...one,
              })),
              roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
            },
            child,
          ),
      ),
    ];
    const { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } =
      kubernetes.admissionregistration.v1;
    new ValidatingAdmissionPolicyBinding(`${name}-registration-binding`, registrationBinding, {
      ...child,
      dependsOn: [
        ...dependsOn,
        new ValidatingAdmissionPolicy(`${name}-registration`, registrationPolicy, child),
      ],
    });
    // For whoever asks kubelets, such as metrics-server.
    new kubernetes.core.v1.ConfigMap(
      `${name}-kubelet-serving-ca`,
      {
        metadata: { name: "kubelet-serving-ca", namespace: "kube-system" },
        data: { "ca.crt": args.kubeletServingCa },
      },
      child,
    );
    this.registerOutputs();
  }
}
