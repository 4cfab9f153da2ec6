import { credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Engine } from "../../lab/plugins/shared/engine";
import { addProvider, type Package } from "../../lab/plugins/shared/provider";
import {
  fromStruct,
  isObject,
  type Properties,
  reveal,
  toStruct,
} from "../../lab/plugins/shared/values";

const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const signatureKey = "4dabf18193072939515e22adb298388d";

/** A value as the engine sends a secret. */
export function secret(value: Properties[string]): Properties {
  return { [signatureKey]: secretSignature, value };
}

/** A resource's state after an operation. */
export interface State {
  readonly id: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
  /** Names of the outputs that came wrapped as secrets. */
  readonly secrets: readonly string[];
}

export interface Diff {
  readonly changed: readonly string[];
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean;
}

/** A provider served in this process, spoken to as the engine does: over gRPC. */
export class Provider {
  private constructor(
    private readonly end: () => void,
    private readonly client: ResourceProviderClient,
    private readonly type: string,
  ) {}

  static async serve(pkg: Omit<Package, "version">, type: string): Promise<Provider> {
    const server = new Server();
    addProvider(server, { ...pkg, version: "0.0.0" }, new Engine(""));
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    const client = new ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure());
    return new Provider(() => server.forceShutdown(), client, type);
  }

  /** A provider's program, as Pulumi comes with it. What it would log is not heard. */
  static async start(program: string, type: string): Promise<Provider> {
    const plugin = spawn(program, ["127.0.0.1:1"], { stdio: ["ignore", "pipe", "inherit"] });
    const [port] = (await once(plugin.stdout, "data")) as [Buffer];
    const address = `127.0.0.1:${port.toString().trim()}`;
    const client = new ResourceProviderClient(address, credentials.createInsecure());
    const provider = new Provider(() => plugin.kill(), client, type);
    await provider.configure({});
    return provider;
  }

  /** The same provider, for resources of another type. */
  of(type: string): Provider {
    return new Provider(this.end, this.client, type);
  }

  close(): void {
    this.client.close();
    this.end();
  }

  configure(inputs: Properties): Promise<rpc.ConfigureResponse> {
    const request = new rpc.ConfigureRequest().setArgs(toStruct(inputs));
    return this.ask((done) => this.client.configure(request, done));
  }

  async diffConfig(olds: Properties, news: Properties): Promise<readonly string[]> {
    const request = new rpc.DiffRequest().setOldInputs(toStruct(olds)).setNews(toStruct(news));
    const response = await this.ask<rpc.DiffResponse>((done) =>
      this.client.diffConfig(request, done),
    );
    return response.getReplacesList();
  }

  /** Checked inputs, or an error that holds the failures. */
  async check(inputs: Properties, olds: Properties = {}): Promise<Properties> {
    const request = this.identify(new rpc.CheckRequest())
      .setNews(toStruct(inputs))
      .setOlds(toStruct(olds));
    const response = await this.ask<rpc.CheckResponse>((done) => this.client.check(request, done));
    const failures = response.getFailuresList();
    if (failures.length > 0) {
      throw new Error(failures.map((f) => `${f.getProperty()}: ${f.getReason()}`).join("\n"));
    }
    return fromStruct(response.getInputs());
  }

  async create(inputs: Properties, preview = false, timeout = 0): Promise<State> {
    const checked = await this.check(inputs);
    const request = this.identify(new rpc.CreateRequest())
      .setProperties(toStruct(checked))
      .setTimeout(timeout)
      .setPreview(preview);
    const response = await this.ask<rpc.CreateResponse>((done) =>
      this.client.create(request, done),
    );
    return stateOf(response.getId(), checked, fromStruct(response.getProperties()));
  }

  async diff(old: State, inputs: Properties): Promise<Diff> {
    const request = this.identify(new rpc.DiffRequest())
      .setId(old.id)
      .setOlds(toStruct(old.outputs))
      .setOldInputs(toStruct(old.inputs))
      .setNews(toStruct(await this.check(inputs, old.inputs)));
    const response = await this.ask<rpc.DiffResponse>((done) => this.client.diff(request, done));
    return {
      changed: response.getDiffsList(),
      replaces: response.getReplacesList(),
      deleteBeforeReplace: response.getDeletebeforereplace(),
    };
  }

  async update(old: State, inputs: Properties, preview = false): Promise<State> {
    const checked = await this.check(inputs, old.inputs);
    const request = this.identify(new rpc.UpdateRequest())
      .setId(old.id)
      .setOlds(toStruct(old.outputs))
      .setOldInputs(toStruct(old.inputs))
      .setNews(toStruct(checked))
      .setPreview(preview);
    const response = await this.ask<rpc.UpdateResponse>((done) =>
      this.client.update(request, done),
    );
    return stateOf(old.id, checked, fromStruct(response.getProperties()));
  }

  async delete(old: State): Promise<void> {
    const request = this.identify(new rpc.DeleteRequest())
      .setId(old.id)
      .setProperties(toStruct(old.outputs))
      .setOldInputs(toStruct(old.inputs));
    await this.ask((done) => this.client.delete(request, done));
  }

  private identify<T extends Identified>(request: T): T {
    request
      .setName("thing")
      .setType(this.type)
      .setUrn(`urn:pulumi:test::test::${this.type}::thing`);
    return request;
  }

  private ask<T>(call: (done: (error: Error | null, answer: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) =>
      call((error, answer) => (error ? reject(error) : resolve(answer))),
    );
  }
}

interface Identified {
  setName(value: string): Identified;
  setType(value: string): Identified;
  setUrn(value: string): Identified;
}

function stateOf(id: string, inputs: Properties, wire: Properties): State {
  const { secrets } = reveal(wire);
  return { id, inputs, outputs: wire, secrets: [...secrets] };
}

/** The outputs without their secret wrappers. */
export function plain({ outputs }: State): Record<string, string> {
  const { properties } = reveal(outputs);
  if (!isObject(properties)) throw new Error("no outputs");
  return properties as Record<string, string>;
}
