import { isObject, type Properties, textOf, type Value } from "../shared/values";
import type { ObjectRef } from "./cluster";

/** Marks a name that the provider made up, so that a replacement may get another. */
const autonamed = "pulumi.com/autonamed";

/** The value at `path`, such as `spec.selector`. */
export function get(object: Value | undefined, path: string): Value | undefined {
  return path
    .split(".")
    .reduce<Value | undefined>((at, key) => (isObject(at) ? at[key] : undefined), object);
}

export function metadataOf(object: Properties): Properties {
  return isObject(object.metadata) ? object.metadata : {};
}

export function annotation(object: Properties, name: string): string | undefined {
  const annotations = metadataOf(object).annotations;
  const value = isObject(annotations) ? annotations[name] : undefined;
  return value === undefined || value === null ? undefined : textOf(value);
}

export function isAutonamed(object: Properties): boolean {
  return annotation(object, autonamed) === "true";
}

export function withName(object: Properties, name: Value): Properties {
  const metadata = metadataOf(object);
  const annotations = isObject(metadata.annotations) ? metadata.annotations : {};
  return {
    ...object,
    metadata: { ...metadata, name, annotations: { ...annotations, [autonamed]: "true" } },
  };
}

/** Where an object lives; `defaultNamespace` unless it says so itself. */
export function refOf(object: Properties, defaultNamespace: string): ObjectRef {
  const { name, namespace } = metadataOf(object);
  return {
    apiVersion: textOf(object.apiVersion),
    kind: textOf(object.kind),
    namespace: textOf(namespace) || defaultNamespace,
    name: textOf(name),
  };
}

/**
 * `live` with only what `shape` has too: the fields that the program set, with the values they have now. Lists are kept
 * whole where their lengths differ.
 */
export function prune(live: Value | undefined, shape: Value): Value {
  if (isObject(live) && isObject(shape)) {
    return Object.fromEntries(
      Object.entries(shape)
        .filter(([name]) => name in live)
        .map(([name, value]) => [name, prune(live[name], value)]),
    );
  }
  if (Array.isArray(live) && Array.isArray(shape) && live.length === shape.length) {
    return live.map((item, index) => prune(item, shape[index] ?? null));
  }
  return live ?? null;
}
