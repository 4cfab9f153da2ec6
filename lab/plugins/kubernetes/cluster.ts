import { isObject, type Properties, textOf } from "../shared/values";
import { Api, ApiError, type Call, Unreachable } from "./api";

/** The provider's own inputs, as far as the lab's stand-in knows them. */
export interface Settings {
  /** The text of a kubeconfig, or the path of one. */
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly cluster?: string;
  /** Default namespace: `default`. */
  readonly namespace?: string;
  readonly deleteUnreachable: boolean;
  readonly skipUpdateUnreachable: boolean;
  readonly upsertExistingObjects: boolean;
  readonly enablePatchForce: boolean;
  readonly enableConfigMapMutable: boolean;
  readonly enableSecretMutable: boolean;
}

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  /** Of no meaning for kinds that live outside namespaces. */
  readonly namespace: string;
  readonly name: string;
}

interface Endpoint {
  readonly plural: string;
  readonly namespaced: boolean;
}

/**
 * The cluster behind a provider. Whether it can be reached is found out once, when the provider is configured: one that
 * was configured too early stays unreachable for the whole run, as with the real provider.
 */
export class Cluster {
  private readonly connected: Promise<Api | Unreachable>;
  private readonly groups = new Map<string, Promise<readonly Properties[]>>();

  constructor(readonly settings: Settings) {
    this.connected = this.connect();
  }

  /** Why it cannot be reached; undefined if it can. */
  async unreachable(): Promise<string | undefined> {
    const api = await this.connected;
    return api instanceof Unreachable ? api.message : undefined;
  }

  /** Calls the API for one object, or for `collection`: its kind in its namespace. */
  async call(ref: ObjectRef, call: Omit<Call, "path">, collection = false): Promise<Properties> {
    const path = await this.pathOf(ref, collection);
    return (await this.api()).call({ ...call, path });
  }

  async isNamespaced({ apiVersion, kind }: ObjectRef): Promise<boolean> {
    return (await this.endpoint(apiVersion, kind)).namespaced;
  }

  private async api(): Promise<Api> {
    const api = await this.connected;
    if (api instanceof Unreachable) {
      throw new Unreachable(`configured Kubernetes cluster is unreachable: ${api.message}`);
    }
    return api;
  }

  private async connect(): Promise<Api | Unreachable> {
    try {
      const { KubeConfig } = await import("./config");
      const config = new KubeConfig();
      const { kubeconfig, context, cluster } = this.settings;
      if (kubeconfig === undefined) config.loadFromDefault();
      else if (/^\s*(apiVersion|\{|[\w-]+:)/m.test(kubeconfig)) config.loadFromString(kubeconfig);
      else config.loadFromFile(kubeconfig);
      if (context !== undefined) config.setCurrentContext(context);
      const current = config.getContextObject(config.getCurrentContext());
      if (cluster !== undefined && current) Object.assign(current, { cluster });
      const api = new Api(config);
      this.groups.set("v1", Promise.resolve(resourcesOf(await api.call(discovery("v1")))));
      return api;
    } catch (error) {
      // A kubeconfig that cannot be read is an unreachable cluster, too.
      return new Unreachable((error as Error).message);
    }
  }

  private async pathOf(ref: ObjectRef, collection: boolean): Promise<string> {
    const { plural, namespaced } = await this.endpoint(ref.apiVersion, ref.kind);
    return [
      base(ref.apiVersion),
      ...(namespaced ? ["namespaces", ref.namespace] : []),
      plural,
      ...(collection ? [] : [encodeURIComponent(ref.name)]),
    ].join("/");
  }

  private async endpoint(apiVersion: string, kind: string): Promise<Endpoint> {
    const api = await this.api();
    const known = this.groups.get(apiVersion) ?? api.call(discovery(apiVersion)).then(resourcesOf);
    this.groups.set(apiVersion, known);
    // A group may come to be later: failures are not remembered.
    known.catch(() => this.groups.delete(apiVersion));
    const found = (await known).find(
      ({ kind: of, name }) => of === kind && !textOf(name).includes("/"),
    );
    if (!found) {
      this.groups.delete(apiVersion);
      throw new ApiError(404, `no matches for kind "${kind}" in version "${apiVersion}"`);
    }
    return { plural: textOf(found.name), namespaced: found.namespaced === true };
  }
}

function base(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function discovery(apiVersion: string): Call {
  return { method: "GET", path: base(apiVersion) };
}

function resourcesOf({ resources }: Properties): readonly Properties[] {
  return Array.isArray(resources) ? resources.filter(isObject) : [];
}
