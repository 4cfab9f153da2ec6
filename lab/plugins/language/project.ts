import type { ProgramInfo } from "@pulumi/pulumi/proto/language_pb";
import { readFileSync } from "fs";
import { createRequire } from "module";
import { join } from "path";
import { fromStruct, type Properties } from "../shared/values";

/** `runtime.options` of Pulumi.yaml. */
export function runtimeOptions(info: ProgramInfo | undefined): Properties {
  return fromStruct(info?.getOptions());
}

/** Options for Node.js itself, such as `--max-old-space-size=4096`; quotes keep words together. */
export function nodeArguments(info: ProgramInfo | undefined): string[] {
  const { nodeargs } = runtimeOptions(info);
  if (typeof nodeargs !== "string") return [];
  return [...nodeargs.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? "",
  );
}

/** What the SDK's runner reads from its environment about TypeScript, which is on unless the project says otherwise. */
export function typeScriptEnvironment(info: ProgramInfo | undefined): Record<string, string> {
  const { typescript, tsconfig } = runtimeOptions(info);
  return {
    PULUMI_NODEJS_TYPESCRIPT: String(typescript !== false && typescript !== "false"),
    ...(typeof tsconfig === "string" ? { PULUMI_NODEJS_TSCONFIG_PATH: tsconfig } : {}),
  };
}

/** The file of a runner in the SDK that the program in `directory` uses. */
export function sdkRunner(
  name: "run" | "run-plugin" | "run-policy-pack",
  directory: string,
): string {
  try {
    return createRequire(join(directory, "index.js")).resolve(`@pulumi/pulumi/cmd/${name}`);
  } catch {
    throw new Error(
      `the Pulumi SDK is not installed for the program in ${directory}: run 'npm ci' there`,
    );
  }
}

export interface Dependency {
  readonly name: string;
  readonly version: string;
  /** Whether a provider plugin belongs to it. */
  readonly hasPlugin: boolean;
}

interface PackageJson {
  readonly version?: string;
  readonly pulumi?: { readonly resource?: boolean };
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** The program's own dependencies, as far as they are installed. */
export function dependenciesOf(directory: string): Dependency[] {
  const own = readPackage(join(directory, "package.json"));
  return Object.keys(own?.dependencies ?? {}).flatMap((name) => {
    const found = readPackage(join(directory, "node_modules", name, "package.json"));
    if (!found?.version) return [];
    return [{ name, version: found.version, hasPlugin: found.pulumi?.resource === true }];
  });
}

function readPackage(file: string): PackageJson | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as PackageJson;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`cannot read ${file}: ${(error as Error).message}`);
  }
}
