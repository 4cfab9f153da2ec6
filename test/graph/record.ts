/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call,
   @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-require-imports,
   @typescript-eslint/require-await -- the monitor and its messages have no published types, and the program is loaded anew */
import * as pulumi from "@pulumi/pulumi";
import { isRpcSecret, unwrapRpcSecret } from "@pulumi/pulumi/runtime/rpc";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "path";
import { clusterType } from "../../policies/facts";
import { mark } from "../../ssh/report";
import { allParts, inlined, whatIsBrought } from "./deliveries";

/** One resource as the engine is told of it, options included. */
export interface Registration {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly parent: string;
  readonly custom: boolean;
  readonly dependsOn: readonly string[];
  readonly ignoreChanges: readonly string[];
  readonly protect: boolean;
  readonly deletedWith: string;
  readonly retainOnDelete: boolean;
  /** `urn::id` of the provider it was given; empty: the default one of its package. */
  readonly provider: string;
  /** Names of the hooks that run when it fails. */
  readonly hooks: readonly string[];
  /** Names of those that run before it is made, and before it is changed. */
  readonly hooksBefore: { readonly create: readonly string[]; readonly update: readonly string[] };
  readonly additionalSecretOutputs: readonly string[];
  /** What it was called before: a URN, or the parts of one that were given. */
  readonly aliases: readonly string[];
  /** Inputs as they travel: secrets are wrapped, unknowns are the engine's mark. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Of a step: its standard input with all in it that lies apart on the machine. */
  readonly program: string;
}

export interface Graph {
  readonly resources: readonly Registration[];
  /** The stack's outputs; secrets are wrapped. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** What a cluster's facts became in the end, by its URN: what the policies are shown. */
  readonly facts: Readonly<Record<string, object>>;
  /** What the hooks do, by name. */
  readonly hooks: Readonly<Record<string, (args?: unknown) => unknown>>;
}

/** A number of a node's name, of as many digits of base 16: what no two machines have in common. */
const idOf = (node: string, digits: number) =>
  createHash("sha256").update(node).digest("hex").slice(0, digits);

/** UUID of the Ceph cluster in every recording. */
export const sampleFsid = "4f5c2a0e-8b1d-4e6f-9a3c-7d2b1e0f6a58";

const factsOf = (node: string) => ({
  os: "debian 13",
  kernel: "6.12.0",
  architecture: "amd64",
  cpus: 2,
  memoryMiB: 4096,
  machineId: idOf(node, 32),
  macAddress: idOf(node, 12).replace(/..(?!$)/g, "$&:"),
  productUuid: "",
  cgroup: "v2",
});

/** What providers would answer. Secrets are marked here, as mocks know no schema; each holds the word `SECRET`. */
function outputsOf(
  { type, name, inputs }: pulumi.runtime.MockResourceArgs,
  { before, facts, renewed, answers = {} }: RecordOptions,
): Record<string, unknown> {
  switch (type) {
    case "pulumi:pulumi:StackReference":
      return {
        outputs: reveal(before?.outputs ?? {}),
        secretOutputNames: Object.entries(before?.outputs ?? {}).flatMap(([name, value]) =>
          isRpcSecret(value) ? [name] : [],
        ),
      };
    case "random:index/randomUuid:RandomUuid":
      // UUIDs of OSDs are made from the Ceph cluster's, which must be one.
      return { result: name.endsWith("-fsid") ? sampleFsid : `uuid-of-${name}` };
    case "random:index/randomString:RandomString":
      return { result: "abcdef" };
    case "random:index/randomPassword:RandomPassword":
      return { result: pulumi.secret(`SECRET-${name}`) };
    case "random:index/randomBytes:RandomBytes":
      // Ceph's keys have 16 bytes; these too hold the word, in base64.
      return inputs.length === 16
        ? { base64: pulumi.secret("SECRETAAAAAAAAAAAAAAAA=="), hex: pulumi.secret("SECRET") }
        : { base64: pulumi.secret(`SECRET-${name}`), hex: pulumi.secret(`SECRET-${name}`) };
    case "tls:index/privateKey:PrivateKey":
      return { privateKeyPem: pulumi.secret(`SECRET-${name}`), publicKeyPem: `public-${name}` };
    case "tls:index/certRequest:CertRequest":
      return { certRequestPem: `csr-${name}` };
    case "tls:index/selfSignedCert:SelfSignedCert":
    case "tls:index/locallySignedCert:LocallySignedCert":
      return { certPem: name === renewed ? `renewed-${name}` : `cert-${name}` };
    case "command:remote:Command": {
      const stdout = { ...factsOf(name.replace(/-preflight$/, "")), ...facts };
      const report = `\n${mark}${JSON.stringify(stdout)}`;
      return { stdout: answers[name] ?? report, stderr: "" };
    }
    default:
      return inputs;
  }
}

export interface RecordOptions {
  /** Whether all that resources produce is unknown, as on a first preview. */
  readonly preview?: boolean;
  /** `groundwork:protect`; default: nothing is said of it. */
  readonly protect?: boolean;
  /** What the last `up` left: inputs under `ignoreChanges` keep its values, as the engine has it. */
  readonly before?: Graph;
  /** Runs a step as the engine does: calls `begin`, its hooks, when there is room for it. Default: it has run already. */
  readonly run?: (name: string, begin: () => void) => Promise<void>;
  /** Names of steps that fail in an `up` that goes on after an error, as the engine tells a program of them. */
  readonly fails?: readonly string[];
  /** Name of a certificate that was issued anew. */
  readonly renewed?: string;
  /** Facts that all machines have in common. */
  readonly facts?: Readonly<Record<string, string>>;
  /** What steps print, by name; default: a report. */
  readonly answers?: Readonly<Record<string, string>>;
}

type Mutable = { -readonly [Key in keyof Registration]: Registration[Key] };

/** Puts into the steps' programs what their hooks bring to the machines. */
async function complete(resources: readonly Mutable[], hooks: Graph["hooks"]): Promise<void> {
  for (const resource of resources) {
    const [hook = ""] = resource.hooksBefore.create.filter((name) => name.endsWith("-brings"));
    if (!("stdin" in resource.inputs)) continue;
    const brought = await whatIsBrought(async () => hooks[hook]?.({ name: resource.name }));
    resource.program = inlined(
      reveal(resource.inputs.stdin) as string,
      new Map([...allParts(), ...brought]),
    );
  }
}

/** Registers the whole program for a cluster file, without an engine, and returns all it registered. */
export function recordProgram(clusterFile: string, options: RecordOptions = {}): Promise<Graph> {
  const { protect } = options;
  return record(() => {
    pulumi.runtime.setAllConfig({
      "groundwork:clusterFile": clusterFile,
      ...(protect === undefined ? {} : { "groundwork:protect": String(protect) }),
    });
    // The program registers as it is loaded: each recording loads it anew.
    const entry = require.resolve(join(__dirname, "../../index.ts"));
    delete require.cache[entry];
    const exported = require(entry) as Record<string, unknown>;
    const undefinedOnes = Object.keys(exported).filter((name) => exported[name] === undefined);
    // Pulumi warns of them, and nobody would see it here.
    assert.deepEqual(undefinedOnes, [], "the program exports what is undefined");
    return exported;
  }, options);
}

/** Runs a program without an engine, and returns all it registered. */
export async function record(
  program: () => Record<string, unknown> | undefined,
  options: RecordOptions = {},
): Promise<Graph> {
  const { preview = false } = options;
  const resources: Mutable[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: (r) => {
        // What is read instead of made is known at preview, too.
        const unknown = preview && r.type !== "pulumi:pulumi:StackReference";
        return {
          id: unknown ? undefined : `${r.name}-id`,
          state: { ...r.inputs, ...(unknown ? {} : outputsOf(r, options)) },
        };
      },
      call: ({ inputs }) => inputs,
    },
    "groundwork",
    "test",
    preview,
    "organization",
  );
  const outputs: Record<string, unknown> = {};
  const facts: Record<string, object> = {};
  const hooks: Record<string, (args?: unknown) => unknown> = {};
  watch(resources, outputs, facts, hooks, options);
  // The SDK takes a stack trace for each promise and each resource: without frames, a recording costs a third.
  const { stackTraceLimit } = Error;
  const callsites = (pulumi.Resource as any).callsites;
  Error.stackTraceLimit = 0;
  (pulumi.Resource as any).callsites = () => [];
  try {
    await pulumi.runtime.runInPulumiStack(async () => program());
    await pulumi.runtime.disconnect();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    (pulumi.Resource as any).callsites = callsites;
  }
  if (!preview) await complete(resources, hooks);
  return { resources: resources.sort((a, b) => (a.urn < b.urn ? -1 : 1)), outputs, facts, hooks };
}

/** The mock monitor sees no options: this listens to the requests that reach it. */
function watch(
  seen: Mutable[],
  outputs: Record<string, unknown>,
  facts: Record<string, object>,
  hooks: Record<string, (args?: unknown) => unknown>,
  { before, run, fails = [], preview = false }: RecordOptions,
): void {
  const onDryRun = new Set<string>();
  const runtime = require("@pulumi/pulumi/runtime/resource");
  const monitor: any = pulumi.runtime.getMonitor();
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (req: any, done: any) => {
    const old = before?.resources.find(
      ({ type, name }) => type === req.getType() && name === req.getName(),
    );
    const inputs = req.getObject();
    if (old && inputs) {
      const kept = keepIgnored(inputs.toJavaScript(), old.inputs, req.getIgnorechangesList());
      req.setObject(inputs.constructor.fromJavaScript(kept));
    }
    // The engine calls it before it makes what is not there yet; at a preview where it is to run then.
    const create: string[] = req.getHooks()?.getBeforeCreateList() ?? [];
    const runs = (name: string) => name.endsWith("-first") && (!preview || onDryRun.has(name));
    if (!old) create.filter(runs).forEach((name) => hooks[name]?.());
    register(req, async (error: unknown, reply: any) => {
      if (run && req.getType() === "command:remote:Command") {
        const own: string[] = req.getHooks()?.getBeforeCreateList() ?? [];
        const begins = own.filter((name) => name.endsWith("-begins"));
        await run(req.getName(), () =>
          begins.forEach((name) => hooks[name]?.({ name: req.getName() })),
        );
      }
      // 1 is `Result.FAIL` of the engine's protocol.
      if (fails.includes(req.getName())) reply.setResult(1);
      else if (!error) {
        seen.push({
          urn: reply.getUrn(),
          type: req.getType(),
          name: req.getName(),
          parent: req.getParent(),
          custom: req.getCustom(),
          dependsOn: [...req.getDependenciesList()].sort(),
          ignoreChanges: req.getIgnorechangesList(),
          protect: req.getProtect() ?? false,
          deletedWith: req.getDeletedwith(),
          retainOnDelete: req.getRetainondelete() ?? false,
          provider: req.getProvider(),
          hooks: req.getHooks()?.getOnErrorList() ?? [],
          hooksBefore: {
            create: req.getHooks()?.getBeforeCreateList() ?? [],
            update: req.getHooks()?.getBeforeUpdateList() ?? [],
          },
          additionalSecretOutputs: req.getAdditionalsecretoutputsList(),
          aliases: req.getAliasesList().map((alias: any) => aliasText(alias, req.getParent())),
          inputs: req.getObject()?.toJavaScript() ?? {},
          program: "",
        });
      }
      done(error, reply);
    });
  };
  const registerOutputs = monitor.registerResourceOutputs.bind(monitor);
  monitor.registerResourceOutputs = (req: any, done: any) => {
    if (/::pulumi:pulumi:Stack::/.test(req.getUrn()))
      Object.assign(outputs, req.getOutputs()?.toJavaScript());
    if (req.getUrn().includes(`${clusterType}::`))
      facts[req.getUrn()] = req.getOutputs().toJavaScript();
    registerOutputs(req, done);
  };
  // The engine would call them back; here it is the tests that do.
  runtime.registerResourceHook = runtime.registerErrorHook = async (hook: any) => {
    hooks[hook.name] = hook.callback;
    if (hook.opts?.onDryRun) onDryRun.add(hook.name);
  };
}

/** A former name: of one that is given in parts those that are not as they are today. */
function aliasText(alias: any, parent: string): string {
  const { name, type, stack, project, parenturn, noparent } = alias.getSpec()?.toObject() ?? {};
  const parts = { name, type, stack, project, parent: noparent ? "none" : parenturn };
  const given = Object.entries(parts).filter(([, value]) => value && value !== parent);
  return alias.getUrn() || given.map(([part, value]) => `${part}=${value}`).join(" ");
}

/** `inputs` with what stands at the ignored paths taken from `old`, also where nothing stands there. */
function keepIgnored(inputs: any, old: any, paths: readonly string[]): any {
  return paths.reduce((kept, path) => {
    const [key = "", ...rest] = path.split(".");
    const value = rest.length
      ? keepIgnored(kept[key] ?? {}, old[key] ?? {}, [rest.join(".")])
      : old[key];
    const result = { ...kept, [key]: value };
    if (value === undefined) delete result[key];
    return result;
  }, inputs);
}

/** Everything `urn` waits for: dependencies and parents, transitively. */
export function closure({ resources }: Graph, urn: string): Set<string> {
  const byUrn = new Map(resources.map((r) => [r.urn, r]));
  const seen = new Set<string>();
  const visit = (urn: string) => {
    const resource = byUrn.get(urn);
    for (const next of resource ? [...resource.dependsOn, resource.parent] : []) {
      if (next && !seen.has(next)) {
        seen.add(next);
        visit(next);
      }
    }
  };
  visit(urn);
  return seen;
}

/** A value with its secrets opened, for tests that look inside. */
export function reveal(value: unknown): unknown {
  if (isRpcSecret(value)) return reveal(unwrapRpcSecret(value));
  if (Array.isArray(value)) return value.map(reveal);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, reveal(v)]));
  }
  return value;
}

/** A value with its secrets replaced by `[secret]`, for texts people read. */
export function redact(value: unknown): unknown {
  if (isRpcSecret(value)) return "[secret]";
  if (Array.isArray(value)) return value.map(redact);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, v]) => [key, redact(v)]),
    );
  }
  return value;
}
