import { parse } from "yaml";
import { isObject, type Properties, textOf, type Value } from "../shared/values";

/** The entry of the cluster that a provider's kubeconfig points to; undefined if it cannot be told. */
export function activeCluster(provider: Properties): Properties | undefined {
  const config = read(provider.kubeconfig);
  if (!config) return undefined;
  const context = find(config.contexts, provider.context ?? config["current-context"], "context");
  return find(config.clusters, provider.cluster ?? context?.cluster, "cluster");
}

function read(kubeconfig: Value | undefined): Properties | undefined {
  if (isObject(kubeconfig)) return kubeconfig;
  try {
    const config = parse(textOf(kubeconfig)) as Value;
    return isObject(config) ? config : undefined;
  } catch {
    return undefined;
  }
}

/** The value under `key` of the list's entry called `name`. */
function find(
  list: Value | undefined,
  name: Value | undefined,
  key: string,
): Properties | undefined {
  const entry = (Array.isArray(list) ? list : [])
    .filter(isObject)
    .find((candidate) => candidate.name === name);
  const value = entry?.[key];
  return isObject(value) ? value : undefined;
}
