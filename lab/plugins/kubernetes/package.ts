import { isObject, type Properties, type Value, equal, hasUnknown } from "../shared/values";
import type { Package } from "../shared/provider";
import { Cluster, type Settings } from "./cluster";
import { kubernetesResource } from "./resource";
import { activeCluster } from "./kubeconfig";

/** Objects of any kind. What the real provider adds to them (Helm, YAML, patches, lists) the lab has no use for. */
export function kubernetesPackage(): Omit<Package, "version"> {
  let cluster: Cluster | undefined;
  return {
    name: "kubernetes",
    configure(inputs) {
      if (setting(inputs, "enableServerSideApply", true) === false) {
        throw new Error(
          "the lab's stand-in for the Pulumi provider 'kubernetes' knows server-side apply only",
        );
      }
      cluster = new Cluster(settingsOf(inputs));
    },
    replacesProvider,
    resource(type) {
      const kind = /^kubernetes:(?!helm.sh|kustomize|yaml)[\w.-]+\/\w+:(\w+)$/.exec(type)?.[1];
      if (!kind || /(List|Patch)$/.test(kind)) return undefined;
      return kubernetesResource(kind, () => {
        if (!cluster) throw new Error("the provider has not been configured");
        return cluster;
      });
    },
  };
}

function settingsOf(inputs: Properties): Settings {
  const text = (name: string) => (typeof inputs[name] === "string" ? inputs[name] : undefined);
  const flag = (name: string) => setting(inputs, name, false) === true;
  return {
    kubeconfig:
      typeof inputs.kubeconfig === "object"
        ? JSON.stringify(inputs.kubeconfig)
        : text("kubeconfig"),
    context: text("context"),
    cluster: text("cluster"),
    namespace: text("namespace"),
    deleteUnreachable:
      flag("deleteUnreachable") || process.env.PULUMI_K8S_DELETE_UNREACHABLE === "true",
    skipUpdateUnreachable: flag("skipUpdateUnreachable"),
    upsertExistingObjects: flag("upsertExistingObjects"),
    enablePatchForce: flag("enablePatchForce"),
    enableConfigMapMutable: flag("enableConfigMapMutable"),
    enableSecretMutable: flag("enableSecretMutable"),
  };
}

/** The SDK writes booleans of provider inputs as strings. */
function setting(inputs: Properties, name: string, fallback: boolean): Value {
  const value = inputs[name] ?? fallback;
  return value === "true" ? true : value === "false" ? false : value;
}

/**
 * With a cluster identifier, only a change of it replaces the provider; adding or removing it does not. Without one, the
 * provider is replaced when its kubeconfig is unknown, or points elsewhere.
 */
function replacesProvider(olds: Properties, news: Properties): string[] {
  const [before, after] = [olds.clusterIdentifier, news.clusterIdentifier];
  if (before && after && before !== after) return ["clusterIdentifier"];
  if (after && before === after) return [];
  const unknown = ["kubeconfig", "context", "cluster"].filter((name) =>
    hasUnknown(news[name] ?? null),
  );
  if (unknown.length > 0) return unknown;
  const [old, own] = [activeCluster(olds), activeCluster(news)];
  if (!isObject(old) || !isObject(own) || equal(old, own)) return [];
  return ["kubeconfig", "context", "cluster"].filter((name) => !equal(olds[name], news[name]));
}
