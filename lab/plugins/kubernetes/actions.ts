import { LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { setTimeout as sleep } from "timers/promises";
import type { Context } from "../shared/resource";
import type { Properties } from "../shared/values";
import { ApiError, type Call } from "./api";
import type { Cluster, ObjectRef } from "./cluster";
import { annotation, metadataOf, refOf } from "./objects";
import { awaitsEndpoints, hasReadyEndpoint, readinessOf } from "./ready";

/** Between two looks at an object that is waited for, in milliseconds. */
const interval = 500;

export interface ApplyOptions {
  /** Owns the fields that are set. */
  readonly fieldManager: string;
  readonly dryRun?: boolean;
  /** The object must not exist yet. */
  readonly create?: boolean;
}

/** Server-side apply; answers the object as it is now. */
export async function apply(
  cluster: Cluster,
  inputs: Properties,
  { fieldManager, dryRun = false, create = false }: ApplyOptions,
): Promise<Properties> {
  const { settings } = cluster;
  const ref = refOf(inputs, settings.namespace ?? "default");
  if (create && !settings.upsertExistingObjects && (await read(cluster, ref))) {
    throw new ApiError(
      409,
      `${ref.kind} "${ref.name}" already exists in the cluster: import it, alias a renamed resource, or set ` +
        "upsertExistingObjects on the provider",
    );
  }
  const force = settings.enablePatchForce || annotation(inputs, "pulumi.com/patchForce") === "true";
  return withoutManagers(
    await cluster.call(ref, {
      method: "PATCH",
      contentType: "application/apply-patch+yaml",
      query: {
        fieldManager,
        force: String(force),
        fieldValidation: "Strict",
        ...(dryRun ? { dryRun: "All" } : {}),
      },
      body: inputs,
    }),
  );
}

/** The object; undefined if there is none. */
export async function read(cluster: Cluster, ref: ObjectRef): Promise<Properties | undefined> {
  try {
    return withoutManagers(await cluster.call(ref, { method: "GET" }));
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return undefined;
    throw error;
  }
}

/** Waits until the object is ready, at most `timeout` seconds; answers it as it is then. */
export async function awaitReady(
  cluster: Cluster,
  inputs: Properties,
  live: Properties,
  timeout: number,
  context: Context,
): Promise<Properties> {
  const readiness = readinessOf(inputs);
  const ref = refOf(live, "");
  const withEndpoints = awaitsEndpoints(inputs);
  if (!readiness && !withEndpoints) return live;
  let now = live;
  let reason: string | undefined;
  await poll(timeout, context, async () => {
    const before = reason;
    reason = readiness?.(now);
    if (withEndpoints && !(await hasEndpoints(cluster, ref))) reason = "no endpoint of it is ready";
    if (reason === undefined) return true;
    if (reason !== before) context.log(LogSeverity.INFO, reason, true);
    now = (await read(cluster, ref)) ?? now;
    return false;
  }).catch((error: Error) => {
    throw new Error(`${ref.kind} "${ref.name}" ${error.message}: ${reason}`);
  });
  return now;
}

async function hasEndpoints(cluster: Cluster, { namespace, name }: ObjectRef): Promise<boolean> {
  const slices = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace, name };
  const call: Omit<Call, "path"> = {
    method: "GET",
    query: { labelSelector: `kubernetes.io/service-name=${name}` },
  };
  return hasReadyEndpoint(await cluster.call(slices, call, true));
}

/** Deletes an object, and waits until it is gone. One that is not there any more is as good. */
export async function awaitGone(
  cluster: Cluster,
  state: Properties,
  timeout: number,
  context: Context,
): Promise<void> {
  const ref = refOf(state, cluster.settings.namespace ?? "default");
  const { uid } = metadataOf(state);
  const policy = annotation(state, "pulumi.com/deletionPropagationPolicy") ?? "foreground";
  const propagationPolicy = policy.charAt(0).toUpperCase() + policy.slice(1);
  try {
    await cluster.call(ref, { method: "DELETE", body: { propagationPolicy } });
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return;
    throw error;
  }
  await poll(timeout, context, async () => {
    const live = await read(cluster, ref);
    return !live || metadataOf(live).uid !== uid;
  }).catch((error: Error) => {
    throw new Error(`${ref.kind} "${ref.name}" is being deleted, but ${error.message}`);
  });
}

async function poll(
  seconds: number,
  context: Context,
  done: () => Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error(`was not done after ${seconds} s`);
    await sleep(interval, undefined, { signal: context.signal });
  }
}

/** Who manages which field is long, and of interest to nobody who reads the state. */
function withoutManagers(object: Properties): Properties {
  const metadata = { ...metadataOf(object) };
  delete metadata.managedFields;
  return { ...object, metadata };
}
