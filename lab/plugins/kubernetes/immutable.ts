import { equal, type Properties, textOf } from "../shared/values";
import type { Settings } from "./cluster";
import { get } from "./objects";

const workload = ["spec.selector"];
const identity = ["metadata.name", "metadata.namespace"];

/** Fields whose change replaces an object of that kind, because the API server refuses to change them. */
const immutable: Readonly<Record<string, readonly string[]>> = {
  "apps/v1/DaemonSet": workload,
  "apps/v1/Deployment": workload,
  "apps/v1/StatefulSet": [
    ...workload,
    "spec.podManagementPolicy",
    "spec.revisionHistoryLimit",
    "spec.serviceName",
    "spec.volumeClaimTemplates",
  ],
  "batch/v1/Job": [...workload, "spec.completions", "spec.parallelism", "spec.template"],
  "rbac.authorization.k8s.io/v1/ClusterRoleBinding": ["roleRef"],
  "rbac.authorization.k8s.io/v1/RoleBinding": ["roleRef"],
  "storage.k8s.io/v1/StorageClass": ["parameters", "provisioner"],
  "v1/PersistentVolumeClaim": [
    "spec.accessModes",
    "spec.selector",
    "spec.storageClassName",
    "spec.volumeName",
  ],
  "v1/Pod": ["spec"],
  "v1/ResourceQuota": ["spec.scopes"],
  "v1/Service": ["spec.clusterIP"],
};

/** Paths of the fields that differ and cannot be changed in place. */
export function forcedReplacements(
  olds: Properties,
  news: Properties,
  settings: Settings,
): string[] {
  return [...identity, ...immutableFields(news, settings)].filter(
    (path) => !equal(get(olds, path), get(news, path)),
  );
}

/** A ConfigMap or Secret is replaced with its data, unless the provider is told that they may change. */
function immutableFields(object: Properties, settings: Settings): readonly string[] {
  const kind = `${textOf(object.apiVersion)}/${textOf(object.kind)}`;
  if (kind === "v1/ConfigMap") return settings.enableConfigMapMutable ? [] : ["binaryData", "data"];
  if (kind === "v1/Secret")
    return settings.enableSecretMutable ? ["type"] : ["type", "stringData", "data"];
  return immutable[kind] ?? [];
}
