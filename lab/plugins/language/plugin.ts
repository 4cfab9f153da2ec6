import type { ServerWritableStream } from "@grpc/grpc-js";
import { type RunPluginRequest, RunPluginResponse } from "@pulumi/pulumi/proto/language_pb";
import { spawnNode } from "./children";
import { nodeArguments, sdkRunner, typeScriptEnvironment } from "./project";

/** Runs a policy pack or a provider, and sends the engine what it prints: the port it serves comes first. */
export function runPlugin(call: ServerWritableStream<RunPluginRequest, RunPluginResponse>): void {
  const { request } = call;
  const fail = (error: Error) => call.destroy(error);
  const kind = request.getKind();
  if (kind !== "analyzer" && kind !== "resource") {
    fail(
      new Error(
        `the lab's language host runs policy packs and providers, no plugins of kind '${kind}'`,
      ),
    );
    return;
  }
  const info = request.getInfo();
  const directory = info?.getProgramDirectory() ?? request.getPwd();
  const isPack = kind === "analyzer";
  const child = spawnNode(
    [
      ...nodeArguments(info),
      sdkRunner(isPack ? "run-policy-pack" : "run-plugin", directory),
      ...(isPack ? [...request.getArgsList(), directory] : [directory, ...request.getArgsList()]),
    ],
    {
      cwd: isPack ? directory : request.getPwd(),
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
  // The engine hangs up when it no longer needs the plugin.
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
