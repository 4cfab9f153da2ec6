import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb";
import type { Engine } from "./engine";
import { InitFailed } from "./errors";
import type { Context, Difference, Existing, Resource } from "./resource";
import {
  conceal,
  differences,
  fromStruct,
  type Properties,
  reveal,
  toStruct,
  unknown,
} from "./values";

interface Request {
  getUrn(): string;
  getType(): string;
  getName(): string;
}

/** What the engine asks of resources, translated for their handlers. */
export class Operations {
  private readonly interrupted = new AbortController();

  constructor(
    private readonly handlerOf: (type: string) => Resource,
    private readonly engine: Engine,
  ) {}

  /** The operator interrupts the engine: whoever can stop early does. */
  cancel(): void {
    this.interrupted.abort(new Error("interrupted"));
  }

  async check(request: rpc.CheckRequest): Promise<rpc.CheckResponse> {
    const { inputs, secrets } = inputsOf(request.getNews());
    const olds = reveal(fromStruct(request.getOlds())).properties;
    const handler = this.handlerOf(request.getType());
    const checked = await handler.check?.(inputs, olds, this.context(request));
    const failures = (checked?.failures ?? []).map(({ property, reason }) =>
      new rpc.CheckFailure().setProperty(property).setReason(reason),
    );
    return new rpc.CheckResponse()
      .setInputs(toStruct(conceal(checked?.inputs ?? inputs, allSecrets(handler, secrets))))
      .setFailuresList(failures);
  }

  async diff(request: rpc.DiffRequest): Promise<rpc.DiffResponse> {
    const handler = this.handlerOf(request.getType());
    const old = existing(handler, request, request.getOlds());
    const inputs = complete(handler, inputsOf(request.getNews()).inputs);
    const changed = differences(old.inputs, inputs);
    return diffResponse(
      (await handler.diff?.(old, inputs, this.context(request))) ?? {
        changed,
        replaces: handler.update ? [] : changed,
      },
    );
  }

  async create(request: rpc.CreateRequest): Promise<rpc.CreateResponse> {
    const handler = this.handlerOf(request.getType());
    const { inputs: given, secrets } = inputsOf(request.getProperties());
    const inputs = complete(handler, given);
    const context = this.context(request, request.getTimeout());
    return concealing(handler, secrets, async (wrap) => {
      if (request.getPreview()) {
        const outputs = await preview(handler, inputs, undefined, context);
        return new rpc.CreateResponse().setProperties(wrap(outputs));
      }
      const { id, outputs } = await handler.create(inputs, context);
      return new rpc.CreateResponse().setId(id).setProperties(wrap(outputs));
    });
  }

  async update(request: rpc.UpdateRequest): Promise<rpc.UpdateResponse> {
    const handler = this.handlerOf(request.getType());
    const { inputs: given, secrets } = inputsOf(request.getNews());
    const inputs = complete(handler, given);
    const old = existing(handler, request, request.getOlds());
    const context = this.context(request, request.getTimeout());
    return concealing(handler, secrets, async (wrap) => {
      const outputs = request.getPreview()
        ? await preview(handler, inputs, old, context)
        : await handler.update?.(old, inputs, context);
      return new rpc.UpdateResponse().setProperties(wrap(outputs ?? inputs));
    });
  }

  async delete(request: rpc.DeleteRequest): Promise<Empty> {
    const handler = this.handlerOf(request.getType());
    const old = existing(handler, request, request.getProperties());
    await handler.delete?.(old, this.context(request, request.getTimeout()));
    return new Empty();
  }

  async read(request: rpc.ReadRequest): Promise<rpc.ReadResponse> {
    const handler = this.handlerOf(request.getType());
    const response = new rpc.ReadResponse();
    if (!handler.read) {
      return response
        .setId(request.getId())
        .setInputs(request.getInputs())
        .setProperties(request.getProperties());
    }
    const { secrets } = reveal(fromStruct(request.getProperties()));
    const old = {
      id: request.getId(),
      inputs: reveal(fromStruct(request.getInputs())).properties,
      state: reveal(fromStruct(request.getProperties())).properties,
    };
    const found = await handler.read(old, this.context(request, request.getTimeout()));
    if (!found) return response;
    return concealing(handler, secrets, (wrap) =>
      response.setId(found.id).setInputs(wrap(found.inputs)).setProperties(wrap(found.state)),
    );
  }

  private context(request: Request, timeout = 0): Context {
    const urn = request.getUrn();
    return {
      urn,
      timeout,
      type: request.getType(),
      name: request.getName(),
      signal: this.interrupted.signal,
      log: (severity, message, ephemeral) => this.engine.log(severity, urn, message, ephemeral),
    };
  }
}

function inputsOf(struct: Struct | undefined) {
  const { properties, secrets } = reveal(fromStruct(struct));
  return { inputs: properties, secrets };
}

function complete(handler: Resource, inputs: Properties): Properties {
  return handler.complete?.(inputs) ?? inputs;
}

function allSecrets(handler: Resource, secrets: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...secrets, ...(handler.secrets ?? [])]);
}

function existing(
  handler: Resource,
  request: { getId(): string; getOldInputs(): Struct | undefined },
  state: Struct | undefined,
): Existing {
  return {
    id: request.getId(),
    inputs: complete(handler, reveal(fromStruct(request.getOldInputs())).properties),
    state: reveal(fromStruct(state)).properties,
  };
}

async function preview(
  handler: Resource,
  inputs: Properties,
  old: Existing | undefined,
  context: Context,
): Promise<Properties> {
  if (handler.preview) return handler.preview(inputs, old, context);
  return { ...inputs, ...Object.fromEntries(handler.computed.map((name) => [name, unknown])) };
}

/** Runs `operation`, which wraps its outputs: also those of a resource that failed half-way. */
async function concealing<T>(
  handler: Resource,
  inputSecrets: ReadonlySet<string>,
  operation: (wrap: (outputs: Properties) => Struct) => T | Promise<T>,
): Promise<T> {
  const secrets = allSecrets(handler, inputSecrets);
  try {
    return await operation((outputs) => toStruct(conceal(outputs, secrets)));
  } catch (error) {
    if (!(error instanceof InitFailed)) throw error;
    throw new InitFailed(error.id, conceal(error.outputs, secrets), error.reasons);
  }
}

export function diffResponse(difference: Difference): rpc.DiffResponse {
  const { changed, replaces, deleteBeforeReplace = false } = difference;
  const { DIFF_SOME, DIFF_NONE } = rpc.DiffResponse.DiffChanges;
  return new rpc.DiffResponse()
    .setChanges(changed.length > 0 || replaces.length > 0 ? DIFF_SOME : DIFF_NONE)
    .setDiffsList([...changed])
    .setReplacesList([...replaces])
    .setDeletebeforereplace(deleteBeforeReplace);
}
