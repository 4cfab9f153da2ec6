import { randomBytes } from "crypto";
import type { CheckFailure, Context, Resource } from "../shared/resource";
import { differences, hasUnknown, isObject, type Properties, textOf } from "../shared/values";
import { checkConnection, type Connection, withDefaults, withSecrets } from "./connection";
import { run } from "./run";

/** `remote.Command` of `@pulumi/command`. */
export const remoteCommand: Resource = {
  computed: ["stdout", "stderr"],
  secrets: ["connection"],

  check(inputs) {
    const { connection, ...others } = inputs;
    return {
      inputs: asKept({ ...inputs, connection: withDefaults(connection) ?? null }),
      failures: [...checkConnection(connection), ...checkOthers(others)],
    };
  },

  /** Any change is an update and runs the command again, except that of `triggers`, which replaces. */
  diff(old, inputs) {
    const changed = differences(old.inputs, inputs);
    return { changed, replaces: changed.filter((name) => name === "triggers") };
  },

  async create(inputs, context) {
    const id = context.name + randomBytes(4).toString("hex");
    return { id, outputs: await runIfSet(inputs.create, inputs, {}, context) };
  },

  update(old, inputs, context) {
    return runIfSet(inputs.update ?? inputs.create, inputs, old.state, context);
  },

  /** With everything as it is in the state: the program may have no such resource any more. */
  async delete(old, context) {
    await runIfSet(old.state.delete, old.state, old.state, context);
  },
};

const types: Readonly<Record<string, string>> = {
  create: "string",
  update: "string",
  delete: "string",
  stdin: "string",
  logging: "string",
  environment: "object",
  triggers: "object",
  addPreviousOutputInEnv: "boolean",
};

function checkOthers(inputs: Properties): CheckFailure[] {
  return Object.entries(inputs).flatMap(([property, value]) => {
    const type = types[property];
    if (!type) return [{ property, reason: `Unknown property '${property}'` }];
    if (value === null || typeof value === type || hasUnknown(value)) return [];
    return [{ property, reason: `must be of type ${type}, is of type ${typeof value}` }];
  });
}

/** Outputs after running `command`, or those that were there before if there is none to run. */
async function runIfSet(
  command: Properties[string] | undefined,
  inputs: Properties,
  olds: Properties,
  context: Context,
): Promise<Properties> {
  const previous = { stdout: textOf(olds.stdout), stderr: textOf(olds.stderr) };
  if (typeof command !== "string") return asKept({ ...inputs, ...previous });
  const { logging = "stdoutAndStderr", stdin, environment } = inputs;
  const output = await run(
    {
      command,
      connection: inputs.connection as unknown as Connection,
      stdin: typeof stdin === "string" ? stdin : undefined,
      environment: isObject(environment) ? (environment as Record<string, string>) : {},
      previous: inputs.addPreviousOutputInEnv === false ? {} : variables(previous),
      logging: {
        stdout: logging === "stdout" || logging === "stdoutAndStderr",
        stderr: logging === "stderr" || logging === "stdoutAndStderr",
      },
    },
    context,
  );
  return asKept({ ...inputs, ...output });
}

function asKept(properties: Properties): Properties {
  return { ...properties, connection: withSecrets(properties.connection) ?? null };
}

function variables(previous: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(previous)
      .filter(([, value]) => value !== "")
      .map(([name, value]) => [`PULUMI_COMMAND_${name.toUpperCase()}`, value]),
  );
}
