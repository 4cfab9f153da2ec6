import { isObject, type Properties, textOf, type Value } from "../shared/values";
import { annotation, get } from "./objects";

/** Why an object is not ready yet; undefined if it is. `endpoints` tells whether anything stands behind a Service. */
export type Readiness = (object: Properties) => string | undefined;

const kinds: Readonly<Record<string, Readiness>> = {
  "apps/v1/Deployment": (object) => {
    const wanted = number(get(object, "spec.replicas") ?? 1);
    return (
      unobserved(object) ??
      fewer("updated", get(object, "status.updatedReplicas"), wanted) ??
      fewer("available", get(object, "status.availableReplicas"), wanted) ??
      (number(get(object, "status.replicas")) > wanted ? "old replicas still run" : undefined)
    );
  },
  "apps/v1/DaemonSet": (object) => {
    const wanted = number(get(object, "status.desiredNumberScheduled"));
    return (
      unobserved(object) ??
      fewer("updated", get(object, "status.updatedNumberScheduled"), wanted) ??
      fewer("available", get(object, "status.numberAvailable"), wanted)
    );
  },
  "apps/v1/StatefulSet": (object) => {
    const wanted = number(get(object, "spec.replicas") ?? 1);
    return (
      unobserved(object) ??
      fewer("updated", get(object, "status.updatedReplicas"), wanted) ??
      fewer("ready", get(object, "status.readyReplicas"), wanted)
    );
  },
  "batch/v1/Job": (object) => without(object, "Complete"),
  "v1/Pod": (object) => without(object, "Ready"),
  "apiextensions.k8s.io/v1/CustomResourceDefinition": (object) => without(object, "Established"),
};

/** How to tell that an object is ready; undefined if there is nothing to wait for. */
export function readinessOf(object: Properties): Readiness | undefined {
  if (annotation(object, "pulumi.com/skipAwait") === "true") return undefined;
  const waitFor = annotation(object, "pulumi.com/waitFor");
  if (waitFor === undefined) return kinds[kindOf(object)];
  const condition = /^condition=(\w+)(?:=(\w+))?$/.exec(waitFor);
  if (!condition?.[1]) {
    throw new Error(
      `pulumi.com/waitFor is '${waitFor}': the lab's stand-in understands condition=TYPE[=STATUS] only`,
    );
  }
  const [, type, status = "True"] = condition;
  return (live) => without(live, type, status);
}

/** Whether a Service is to be waited for: until a pod stands behind it, if it selects any. */
export function awaitsEndpoints(object: Properties): boolean {
  const selector = get(object, "spec.selector");
  return (
    kindOf(object) === "v1/Service" &&
    annotation(object, "pulumi.com/skipAwait") !== "true" &&
    get(object, "spec.type") !== "ExternalName" &&
    get(object, "spec.clusterIP") !== "None" &&
    isObject(selector) &&
    Object.keys(selector).length > 0
  );
}

/** Whether one of a Service's EndpointSlices has an address that is ready. */
export function hasReadyEndpoint({ items }: Properties): boolean {
  const slices = Array.isArray(items) ? items : [];
  const endpoints = slices.flatMap((slice) => {
    const list = get(slice, "endpoints");
    return Array.isArray(list) ? list : [];
  });
  return endpoints.some((endpoint) => get(endpoint, "conditions.ready") !== false);
}

function kindOf(object: Properties): string {
  return `${textOf(object.apiVersion)}/${textOf(object.kind)}`;
}

function number(value: Value | undefined): number {
  return typeof value === "number" ? value : 0;
}

function unobserved(object: Properties): string | undefined {
  const seen = number(get(object, "status.observedGeneration"));
  return seen < number(get(object, "metadata.generation"))
    ? "not yet seen by its controller"
    : undefined;
}

function fewer(what: string, count: Value | undefined, wanted: number): string | undefined {
  return number(count) < wanted ? `${number(count)} of ${wanted} replicas are ${what}` : undefined;
}

function without(object: Properties, type: string, wanted = "True"): string | undefined {
  const conditions = get(object, "status.conditions");
  const found = (Array.isArray(conditions) ? conditions : []).find(
    (one) => get(one, "type") === type,
  );
  if (get(found, "status") === wanted) return undefined;
  const message = get(found, "message");
  return `condition ${type} is not ${wanted}${message ? `: ${textOf(message)}` : ""}`;
}
