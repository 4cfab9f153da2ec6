import { credentials } from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, type LogSeverity } from "@pulumi/pulumi/proto/engine_pb";

/** The engine, to which a plugin may talk back. */
export class Engine {
  private client: EngineClient | undefined;

  constructor(private readonly address: string) {}

  /** Shows `message` under the resource; an ephemeral one only in its progress line. Nobody waits for it to arrive. */
  log(severity: LogSeverity, urn: string, message: string, ephemeral = false): void {
    if (!this.address) return;
    this.client ??= new EngineClient(this.address, credentials.createInsecure());
    const request = new LogRequest()
      .setSeverity(severity)
      .setUrn(urn)
      .setMessage(message)
      .setEphemeral(ephemeral);
    this.client.log(request, () => {});
  }
}
