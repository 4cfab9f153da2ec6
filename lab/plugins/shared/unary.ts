import type { handleUnaryCall, sendUnaryData, ServerUnaryCall } from "@grpc/grpc-js";
import { toServiceError } from "./errors";

/** A function as a gRPC method of one request and one response. */
export function unary<In, Out>(
  handler: (request: In, call: ServerUnaryCall<In, Out>) => Out | Promise<Out>,
): handleUnaryCall<In, Out> {
  return (call: ServerUnaryCall<In, Out>, callback: sendUnaryData<Out>) => {
    // One that throws at once is answered like one that fails later.
    void (async () => handler(call.request, call))().then(
      (response) => callback(null, response),
      (error: unknown) => callback(toServiceError(error)),
    );
  };
}
