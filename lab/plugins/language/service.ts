import type { Server, ServerWritableStream } from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb";
import * as rpc from "@pulumi/pulumi/proto/language_pb";
import { PackageDependency, PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { unary } from "../shared/unary";
import { killChildren } from "./children";
import { runPlugin } from "./plugin";
import { runProgram } from "./program";
import { dependenciesOf } from "./project";

export interface Host {
  readonly engineAddress: string;
  readonly version: string;
}

/** What the engine needs to run Node.js programs, policy packs and providers; it generates no code and installs nothing. */
export function addLanguageRuntime(server: Server, host: Host): void {
  server.addService(LanguageRuntimeService, {
    handshake: unary(() => new rpc.LanguageHandshakeResponse()),
    getPluginInfo: unary(() => new PluginInfo().setVersion(host.version)),
    getRequiredPackages: unary((request: rpc.GetRequiredPackagesRequest) =>
      new rpc.GetRequiredPackagesResponse().setPackagesList(
        dependenciesOf(request.getInfo()?.getProgramDirectory() ?? ".")
          .filter(({ hasPlugin }) => hasPlugin)
          .map(({ name, version }) =>
            new PackageDependency()
              .setKind("resource")
              .setName(name.replace("@pulumi/", ""))
              .setVersion(version),
          ),
      ),
    ),
    getProgramDependencies: unary((request: rpc.GetProgramDependenciesRequest) =>
      new rpc.GetProgramDependenciesResponse().setDependenciesList(
        dependenciesOf(request.getInfo()?.getProgramDirectory() ?? ".").map(({ name, version }) =>
          new rpc.DependencyInfo().setName(name).setVersion(version),
        ),
      ),
    ),
    about: unary(() =>
      new rpc.AboutResponse().setExecutable(process.execPath).setVersion(process.version),
    ),
    run: unary((request: rpc.RunRequest) => runProgram(request, host.engineAddress)),
    runPlugin,
    // What a program needs was installed with npm before there was a lab.
    installDependencies: (
      call: ServerWritableStream<rpc.InstallDependenciesRequest, rpc.InstallDependenciesResponse>,
    ) => call.end(),
    runtimeOptionsPrompts: unary(() => new rpc.RuntimeOptionsResponse()),
    cancel: unary(() => {
      killChildren();
      return new Empty();
    }),
  });
}
