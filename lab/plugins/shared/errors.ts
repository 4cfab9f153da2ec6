import { Metadata, status, type ServiceError } from "@grpc/grpc-js";
import { ErrorResourceInitFailed } from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import { type Properties, toStruct } from "./values";

/** The resource exists, but is not what it should be: the engine keeps it, and tries an update the next time. */
export class InitFailed extends Error {
  constructor(
    readonly id: string,
    readonly outputs: Properties,
    readonly reasons: readonly string[],
  ) {
    super(reasons.join("; "));
  }
}

/** An error as gRPC carries it. The engine shows its text; a stack trace is only for faults of the plugin itself. */
export function toServiceError(error: unknown): Partial<ServiceError> {
  if (error instanceof InitFailed) return initFailed(error);
  if (!(error instanceof Error)) return { code: status.UNKNOWN, details: String(error) };
  const isFault = error instanceof TypeError || error instanceof ReferenceError;
  return { code: status.UNKNOWN, details: (isFault && error.stack) || error.message };
}

function initFailed(error: InitFailed): Partial<ServiceError> {
  const detail = new ErrorResourceInitFailed()
    .setId(error.id)
    .setProperties(toStruct(error.outputs))
    .setReasonsList([...error.reasons]);
  const any = new Any();
  any.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const rich = new Status().setCode(status.UNKNOWN).setMessage(error.message).addDetails(any);
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(rich.serializeBinary()));
  return { code: status.UNKNOWN, details: error.message, metadata };
}
