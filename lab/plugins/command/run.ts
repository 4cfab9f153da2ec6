import { LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import type { Client, ClientChannel } from "ssh2";
import type { Readable } from "stream";
import type { Context } from "../shared/resource";
import type { Connection } from "./connection";
import { dial } from "./dial";
import { awaitEnvironment } from "./environment";

export interface Run {
  readonly connection: Connection;
  /** Handed to the login shell. */
  readonly command: string;
  readonly stdin?: string;
  /** Fails the command if the server refuses one of them, as it does by default. */
  readonly environment: Readonly<Record<string, string>>;
  /** The output before this one, offered as variables; a refusal is a warning. */
  readonly previous: Readonly<Record<string, string>>;
  readonly logging: { readonly stdout: boolean; readonly stderr: boolean };
}

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command on a connection of its own. */
export async function run(run: Run, context: Context): Promise<Output> {
  const session = await dial(run.connection, context);
  try {
    return await converse(await exec(session.client, run, context), run, context);
  } finally {
    session.close();
  }
}

function exec(client: Client, run: Run, context: Context): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const refused = (name: string) => {
      const required = name in run.environment;
      const message =
        `Unable to set '${name}'. This only works if your SSH server is configured to accept ` +
        "these variables via AcceptEnv. Alternatively, prefix the command itself with the variables " +
        "in the form 'VAR=value command'";
      context.log(required ? LogSeverity.ERROR : LogSeverity.WARNING, message);
      if (required) reject(new Error(`could not set environment variable "${name}": refused`));
    };
    const env = { ...run.environment, ...run.previous };
    if (Object.keys(env).length > 0) {
      awaitEnvironment(client, (name) => name in run.environment, refused);
    }
    client.once("close", () => reject(new Error("ssh: the connection was lost")));
    client.exec(run.command, { env }, (error, channel) =>
      error ? reject(error) : resolve(channel),
    );
  });
}

function converse(channel: ClientChannel, run: Run, context: Context): Promise<Output> {
  const combined: Buffer[] = [];
  const collect = (stream: Readable, logged: boolean): Buffer[] => {
    const own: Buffer[] = [];
    const log = lineLogger(context);
    stream.on("data", (chunk: Buffer) => {
      own.push(chunk);
      combined.push(chunk);
      if (logged) log(chunk);
    });
    return own;
  };
  const stdout = collect(channel, run.logging.stdout);
  const stderr = collect(channel.stderr, run.logging.stderr);
  return new Promise((resolve, reject) => {
    channel.on("close", (code?: number | null, signal?: string) => {
      if (code === 0) return resolve({ stdout: textOf(stdout), stderr: textOf(stderr) });
      const text = Buffer.concat(combined).toString();
      reject(
        new Error(`${outcome(code, signal)}: running ${JSON.stringify(run.command)}:\n${text}`),
      );
    });
    // A command that does not read its input to the end is no error.
    channel.on("error", () => {});
    channel.end(run.stdin ?? "");
  });
}

function outcome(code: number | null | undefined, signal: string | undefined): string {
  if (typeof code === "number") return `Process exited with status ${code}`;
  if (signal) return `Process exited with status 128 from signal ${signal.replace(/^SIG/, "")}`;
  return "wait: remote command exited without exit status or exit signal";
}

/** One trailing newline belongs to the shell, not to the answer. */
function textOf(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString().replace(/\n$/, "");
}

function lineLogger(context: Context): (chunk: Buffer) => void {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) context.log(LogSeverity.INFO, line, true);
  };
}
