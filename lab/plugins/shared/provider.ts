import type { Server } from "@grpc/grpc-js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Engine } from "./engine";
import { diffResponse, Operations } from "./operations";
import type { Resource } from "./resource";
import { serve } from "./serve";
import { unary } from "./unary";
import { differences, fromStruct, type Properties, reveal, toStruct } from "./values";

/** A package of resources. */
export interface Package {
  readonly name: string;
  /** That of the SDK it serves, or the engine complains. */
  readonly version: string;
  /** The handler of a type; undefined if the package has none. */
  resource(type: string): Resource | undefined;
  /** Takes the provider's own inputs, all of them known. */
  configure?(inputs: Properties): void;
  /** Which of the provider's own inputs, having changed, replace it and all of its resources. Default: none. */
  replacesProvider?(olds: Properties, news: Properties): readonly string[];
  /** Undefined: the package has no such function. */
  invoke?(token: string, inputs: Properties): Properties | undefined;
}

/** Serves a package until the engine goes away. Resources travel as plain references, outputs as plain values. */
export function serveProvider(pkg: Package, engineAddress = process.argv.at(-1) ?? ""): void {
  serve((server) => addProvider(server, pkg, new Engine(engineAddress)));
}

export function addProvider(server: Server, pkg: Package, engine: Engine): void {
  const operations = new Operations((type) => handlerOf(pkg, type), engine);
  server.addService(ResourceProviderService, {
    handshake: unary(() =>
      new rpc.ProviderHandshakeResponse().setAcceptSecrets(true).setAcceptResources(true),
    ),
    getPluginInfo: unary(() => new PluginInfo().setVersion(pkg.version)),
    getSchema: unary(() =>
      new rpc.GetSchemaResponse().setSchema(
        JSON.stringify({ name: pkg.name, version: pkg.version }),
      ),
    ),
    getMapping: unary(() => new rpc.GetMappingResponse()),
    getMappings: unary(() => new rpc.GetMappingsResponse()),
    checkConfig: unary((request: rpc.CheckRequest) =>
      new rpc.CheckResponse().setInputs(request.getNews()),
    ),
    diffConfig: unary((request: rpc.DiffRequest) => {
      const olds = reveal(fromStruct(request.getOldInputs() ?? request.getOlds())).properties;
      const news = reveal(fromStruct(request.getNews())).properties;
      const changed = differences(olds, news).filter((property) => property !== "version");
      return diffResponse({ changed, replaces: pkg.replacesProvider?.(olds, news) ?? [] });
    }),
    configure: unary((request: rpc.ConfigureRequest) => {
      pkg.configure?.(reveal(fromStruct(request.getArgs())).properties);
      return new rpc.ConfigureResponse()
        .setAcceptsecrets(true)
        .setAcceptresources(true)
        .setSupportspreview(true);
    }),
    invoke: unary((request: rpc.InvokeRequest) => {
      const { properties } = reveal(fromStruct(request.getArgs()));
      const result = pkg.invoke?.(request.getTok(), properties);
      if (!result) throw new Error(`${unsupported(pkg.name)} the function ${request.getTok()}`);
      return new rpc.InvokeResponse().setReturn(toStruct(result));
    }),
    cancel: unary(() => {
      operations.cancel();
      return new Empty();
    }),
    check: unary((request: rpc.CheckRequest) => operations.check(request)),
    diff: unary((request: rpc.DiffRequest) => operations.diff(request)),
    create: unary((request: rpc.CreateRequest) => operations.create(request)),
    update: unary((request: rpc.UpdateRequest) => operations.update(request)),
    delete: unary((request: rpc.DeleteRequest) => operations.delete(request)),
    read: unary((request: rpc.ReadRequest) => operations.read(request)),
  });
}

function handlerOf(pkg: Package, type: string): Resource {
  const handler = pkg.resource(type);
  if (!handler) throw new Error(`${unsupported(pkg.name)} the resource type ${type}`);
  return handler;
}

function unsupported(name: string): string {
  return `the lab's stand-in for the Pulumi provider '${name}' does not support`;
}
