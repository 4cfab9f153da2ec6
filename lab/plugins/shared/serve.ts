import { Server, ServerCredentials } from "@grpc/grpc-js";
import { fstatSync } from "fs";

/** Both directions: a property may hold a whole file. */
const unlimitedMessages = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
};

/** Starts a plugin as the engine expects it: on a free port of the loopback, whose number is its first line of output. */
export function serve(register: (server: Server) => void, onExit: () => void = () => {}): void {
  const server = new Server(unlimitedMessages);
  register(server);
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    process.stdout.write(`${port}\n`);
  });
  dieWithEngine(onExit);
}

/**
 * The engine ends a plugin with an interrupt. When the engine itself is killed nothing is sent, but the pipe on the
 * plugin's standard input closes.
 */
function dieWithEngine(onExit: () => void): void {
  const exit = () => {
    onExit();
    process.exit(0);
  };
  process.on("SIGINT", exit).on("SIGTERM", exit);
  if (fstatSync(0).isFIFO()) {
    process.stdin.on("end", exit).on("error", exit).resume();
  }
}
