import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { ownEndpoint } from "../config/endpoint";
import type { ClusterPlan } from "../config/plan";
import { pluginOf } from "../networks";
import type { Manifest } from "../networks/plugin";
import {
  registrationBinding,
  registrationPolicy,
  requestNamesBinding,
  requestNamesPolicy,
} from "../manifests/registration";
import { clusterRoleBindings, clusterRoles, ticketsRole } from "../manifests/rbac";
import type { ClusterPki } from "./clusterPki";
import type { EtcdCluster } from "./etcdCluster";
import { clusterKubeconfig } from "./outputs";
import type { Steps } from "./steps";

export interface AddonsArgs {
  readonly cluster: ClusterPlan;
  readonly pki: ClusterPki;
  readonly etcd: EtcdCluster;
  readonly steps: Steps;
}

/** What Kubernetes is told as soon as it answers: the rights by which nodes join, who registers, and who vouches for kubelets. */
export class Addons extends pulumi.ComponentResource {
  /** For whatever else is put into Kubernetes. */
  readonly provider: kubernetes.Provider;

  constructor(name: string, args: AddonsArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Addons", name, {}, opts);
    const { cluster, pki, etcd, steps } = args;
    const dependsOn = steps.before("rights");
    // The provider reads the API's schema once, when it is configured: not before an API server answers.
    this.provider = new kubernetes.Provider(
      `${name}-provider`,
      {
        // Made in the program: never read back from a node, so that it is never unknown again.
        kubeconfig: clusterKubeconfig(
          cluster,
          pki.ca,
          "kubernetes-super-admin",
          pki.superAdmin,
          [],
          ownEndpoint(cluster),
        ),
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

    const network = pluginOf(cluster);
    const rights: pulumi.Resource[] = [
      ...Object.entries({ ...clusterRoles, ...network.roles }).map(
        ([role, rules]) =>
          new kubernetes.rbac.v1.ClusterRole(
            `${name}-${role}`,
            {
              metadata: { name: role },
              rules: rules as kubernetes.types.input.rbac.v1.PolicyRule[],
            },
            child,
          ),
      ),
      ...[...clusterRoleBindings, ...network.bindings].map(
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
    if (cluster.unmanaged.length > 0) rights.push(...ticketRights(name, child));
    steps.add("rights", ...rights);
    networkObjects(name, network.manifests(cluster), child);
    const { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } =
      kubernetes.admissionregistration.v1;
    const judged = (
      what: string,
      policy: ConstructorParameters<typeof ValidatingAdmissionPolicy>[1],
      binding: ConstructorParameters<typeof ValidatingAdmissionPolicyBinding>[1],
    ) => {
      const made = new ValidatingAdmissionPolicy(`${name}-${what}`, policy, child);
      new ValidatingAdmissionPolicyBinding(`${name}-${what}-binding`, binding, {
        ...child,
        dependsOn: dependsOn.apply((before) => [...before, made]),
      });
    };
    judged("registration", registrationPolicy, registrationBinding);
    if (cluster.unmanaged.length > 0) {
      const names = cluster.unmanaged.map(({ name }) => name);
      judged("requests", requestNamesPolicy(names), requestNamesBinding);
    }
    // For whoever asks kubelets, such as metrics-server.
    new kubernetes.core.v1.ConfigMap(
      `${name}-kubelet-serving-ca`,
      {
        metadata: { name: "kubelet-serving-ca", namespace: "kube-system" },
        data: { "ca.crt": pki.kubeletServingCa.trusted },
      },
      child,
    );
    this.registerOutputs();
  }
}

/** An object of Kubernetes whose kind is known only when it is made. */
class KubernetesObject extends pulumi.CustomResource {}

/**
 * Of a network plugin. There are no nodes yet on which what they describe could run: nothing waits for that. A namespace holds what is
 * not ours, and stays when it is not named any more.
 */
function networkObjects(
  name: string,
  manifests: readonly Manifest[],
  {
    dependsOn,
    ...child
  }: pulumi.CustomResourceOptions & { dependsOn: pulumi.Output<pulumi.Resource[]> },
): void {
  const namespaces = new Map<string, pulumi.Resource>();
  for (const { apiVersion, kind, metadata, ...rest } of manifests) {
    const annotations = { ...metadata.annotations, "pulumi.com/skipAwait": "true" };
    const group = apiVersion.includes("/") ? apiVersion : `core/${apiVersion}`;
    const holder = namespaces.get(metadata.namespace ?? "");
    const object = new KubernetesObject(
      `kubernetes:${group}:${kind}`,
      [name, "network", ...(holder ? [metadata.namespace] : []), metadata.name].join("-"),
      { apiVersion, kind, metadata: { ...metadata, annotations }, ...rest },
      {
        ...child,
        dependsOn: holder ? dependsOn.apply((earlier) => [...earlier, holder]) : dependsOn,
        ...(kind === "Namespace" && { retainOnDelete: true }),
      },
    );
    if (kind === "Namespace") namespaces.set(metadata.name, object);
  }
}

/** By which the admission service takes tickets. */
function ticketRights(name: string, child: pulumi.CustomResourceOptions): pulumi.Resource[] {
  const { name: role, namespace, rules, subject } = ticketsRole;
  const apiGroup = "rbac.authorization.k8s.io";
  const metadata = { name: role, namespace };
  return [
    new kubernetes.rbac.v1.Role(`${name}-${role}`, { metadata, rules }, child),
    new kubernetes.rbac.v1.RoleBinding(
      `${name}-${role}`,
      {
        metadata,
        subjects: [{ apiGroup, ...subject }],
        roleRef: { apiGroup, kind: "Role", name: role },
      },
      child,
    ),
  ];
}
