import { LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { randomBytes } from "crypto";
import { InitFailed } from "../shared/errors";
import type { Checked, Context, Difference, Existing, Resource } from "../shared/resource";
import { differences, equal, hasUnknown, type Properties, textOf } from "../shared/values";
import { ApiError } from "./api";
import { apply, awaitGone, awaitReady, read } from "./actions";
import type { Cluster } from "./cluster";
import { forcedReplacements } from "./immutable";
import { annotation, get, isAutonamed, metadataOf, prune, refOf, withName } from "./objects";

/** Objects of one kind. The cluster is asked for late: handlers exist before the provider is configured. */
export function kubernetesResource(kind: string, clusterOf: () => Cluster): Resource {
  const namespaceOf = () => clusterOf().settings.namespace ?? "default";

  return {
    computed: [],
    secrets: kind === "Secret" ? ["data", "stringData"] : [],

    async check(inputs, olds, context): Promise<Checked> {
      const { settings } = clusterOf();
      if (settings.skipUpdateUnreachable && (await clusterOf().unreachable())) {
        context.log(LogSeverity.WARNING, "Cluster is unreachable: its old inputs are kept");
        return { inputs: olds };
      }
      if ((metadataOf(inputs).name ?? null) !== null) return { inputs };
      const oldName = isAutonamed(olds) ? metadataOf(olds).name : undefined;
      return {
        inputs: withName(inputs, oldName ?? `${context.name}-${randomBytes(4).toString("hex")}`),
      };
    },

    diff(old, inputs): Difference {
      const [olds, news] = [complete(old.inputs), complete(inputs)];
      const replaces = forcedReplacements(olds, news, clusterOf().settings);
      return {
        changed: differences(olds, news),
        replaces,
        deleteBeforeReplace:
          !isAutonamed(news) &&
          ["metadata.name", "metadata.namespace"].every((path) =>
            equal(get(olds, path), get(news, path)),
          ),
      };
    },

    async preview(inputs, old) {
      if (hasUnknown(inputs) || (await clusterOf().unreachable())) return inputs;
      try {
        const fieldManager = managerOf(inputs, old);
        const live = await apply(clusterOf(), inputs, { fieldManager, dryRun: true, create: !old });
        return { ...live, ...(old?.state.status ? { status: old.state.status } : {}) };
      } catch (error) {
        // What it depends on may not be there yet, or it is to be replaced.
        if (error instanceof ApiError && [403, 404, 409].includes(error.code)) return inputs;
        throw error;
      }
    },

    async create(inputs, context) {
      const fieldManager = managerOf(inputs);
      const created = await apply(clusterOf(), inputs, { fieldManager, create: true });
      const id = idOf(created);
      const managed = { ...created, [managerKey]: fieldManager };
      return { id, outputs: await ready(clusterOf(), id, inputs, managed, context) };
    },

    async update(old, inputs, context) {
      const fieldManager = managerOf(inputs, old);
      const updated = await apply(clusterOf(), inputs, { fieldManager });
      const managed = { ...updated, [managerKey]: fieldManager };
      return ready(clusterOf(), old.id, inputs, managed, context);
    },

    async delete(old, context) {
      const reason = await clusterOf().unreachable();
      if (reason === undefined) {
        return awaitGone(clusterOf(), old.state, timeoutOf(old.state, context), context);
      }
      context.log(LogSeverity.WARNING, `configured Kubernetes cluster is unreachable: ${reason}`);
      if (!clusterOf().settings.deleteUnreachable) {
        throw new Error(
          "configured Kubernetes cluster is unreachable. If the cluster was deleted, you can remove this resource " +
            "from Pulumi state by rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment " +
            'variable set to "true"',
        );
      }
    },

    async read(old): Promise<Existing | undefined> {
      const reason = await clusterOf().unreachable();
      if (reason !== undefined && clusterOf().settings.deleteUnreachable) return undefined;
      if (reason !== undefined && clusterOf().settings.skipUpdateUnreachable) return old;
      const live = await read(clusterOf(), refOf(old.state, namespaceOf()));
      if (!live) return undefined;
      const inputs = prune(live, old.inputs) as Properties;
      // A Secret's stringData is turned into data when it is written, and never read back.
      const { stringData } = old.inputs;
      return {
        id: old.id,
        inputs: stringData ? { ...inputs, stringData } : inputs,
        state: { ...live, [managerKey]: managerOf(old.inputs, old) },
      };
    },
  };

  /** With the namespace spelt out, which may be given or left to the default. */
  function complete(object: Properties): Properties {
    return {
      ...object,
      metadata: { namespace: namespaceOf(), ...metadataOf(object) },
    };
  }
}

/** Output that remembers under which name the fields of an object are owned. */
const managerKey = "__fieldManager";

/**
 * Every object has a manager of its own: one that is taken over conflicts where its fields had other values. An object
 * whose state names none has the manager of client-side apply.
 */
function managerOf(inputs: Properties, old?: Existing): string {
  const chosen = annotation(inputs, "pulumi.com/patchFieldManager");
  if (chosen !== undefined) return chosen;
  if (old) return textOf(old.state[managerKey]) || "pulumi-kubernetes";
  return `pulumi-kubernetes-${randomBytes(4).toString("hex")}`;
}

/** Waits until an object is ready. If it does not become so, it is kept, and the next `up` tries again. */
async function ready(
  cluster: Cluster,
  id: string,
  inputs: Properties,
  live: Properties,
  context: Context,
): Promise<Properties> {
  try {
    const now = await awaitReady(cluster, inputs, live, timeoutOf(inputs, context), context);
    return { ...live, ...now };
  } catch (error) {
    throw new InitFailed(id, live, [(error as Error).message]);
  }
}

const defaultTimeout = 600;

/** In seconds. */
function timeoutOf(inputs: Properties, context: Context): number {
  return Number(
    annotation(inputs, "pulumi.com/timeoutSeconds") ?? (context.timeout || defaultTimeout),
  );
}

function idOf(object: Properties): string {
  const { name, namespace } = metadataOf(object);
  return namespace ? `${textOf(namespace)}/${textOf(name)}` : textOf(name);
}
