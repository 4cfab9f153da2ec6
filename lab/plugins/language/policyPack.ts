import type { ServerWritableStream } from "@grpc/grpc-js";
import { type RunPluginRequest, RunPluginResponse } from "@pulumi/pulumi/proto/language_pb";
import { spawnNode } from "./children";
import { nodeArguments, sdkRunner, typeScriptEnvironment } from "./project";

/** Runs a policy pack, and sends the engine what it prints: the port it serves comes first. */
export function runPolicyPack(
  call: ServerWritableStream<RunPluginRequest, RunPluginResponse>,
): void {
  const { request } = call;
  const fail = (error: Error) => call.destroy(error);
  if (request.getKind() !== "analyzer") {
    fail(
      new Error(
        `the lab's language host runs policy packs, no plugins of kind '${request.getKind()}'`,
      ),
    );
    return;
  }
  const info = request.getInfo();
  const directory = info?.getProgramDirectory() ?? request.getPwd();
  const child = spawnNode(
    [
      ...nodeArguments(info),
      sdkRunner("run-policy-pack", directory),
      ...request.getArgsList(),
      directory,
    ],
    {
      cwd: directory,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...parseEnvironment(request.getEnvList()), ...typeScriptEnvironment(info) },
    },
  );
  child.stdout?.on("data", (text: Buffer) => call.write(new RunPluginResponse().setStdout(text)));
  child.stderr?.on("data", (text: Buffer) => call.write(new RunPluginResponse().setStderr(text)));
  child.once("error", fail).once("close", (code) => {
    call.write(new RunPluginResponse().setExitcode(code ?? 1));
    call.end();
  });
  // The engine hangs up when it no longer needs the pack.
  call.once("cancelled", () => child.kill());
}

function parseEnvironment(list: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(
    list.map((entry) => {
      const equals = entry.indexOf("=");
      return [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
}
