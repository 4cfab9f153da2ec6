import type { Client, ClientCallback } from "ssh2";
import { hasBegun, mark } from "./report";
import { fed, type Login, shell, withoutPassword } from "./shell";

/** Characters of output that are read: a machine that says more is not listened to. */
const most = 4 * 1024 * 1024;

export interface Run {
  /** What it ended with; undefined when it did not say. */
  readonly status: number | undefined;
  readonly output: string;
  readonly errors: string;
  /** By our clock, in milliseconds since 1970: when the program was sent, and when its report began. */
  readonly sent: number;
  readonly begun: number;
}

/**
 * Runs a program on standard input of `command`, which has `seconds` to answer.
 * @param login whose password is in `program`, and so in nothing that comes back
 */
export async function run(
  client: Client,
  command: string,
  program: string,
  seconds: number,
  login?: Login,
): Promise<Run> {
  const done = await exchange(client, command, program, seconds);
  if (login === undefined) return done;
  const lines = done.output.split("\n");
  // A report may hold by chance what the password is, and would not be understood any more.
  const output = lines.map((line) => (line.startsWith(mark) ? line : withoutPassword(login, line)));
  return { ...done, output: output.join("\n"), errors: withoutPassword(login, done.errors) };
}

/** How long a program of {@link runAsRoot} has, in seconds, and with what it is called. */
export interface RunOptions {
  /** After so many it is ended on the machine. */
  readonly seconds: number;
  /** After so many more it is killed there; default: as in {@link shell}. */
  readonly grace?: number;
  /** After so many it is given up here. */
  readonly limit: number;
  /** Arguments of the program; default: none. */
  readonly args?: string;
}

/** Runs a bash program as root. Nothing that comes back has the password by which it became root. */
export function runAsRoot(
  client: Client,
  login: Login,
  program: string,
  { seconds, grace, limit, args }: RunOptions,
): Promise<Run> {
  const command = [shell(login, seconds, grace), args].join(" ").trimEnd();
  return run(client, command, fed(login, program), limit, login);
}

function exchange(client: Client, command: string, program: string, seconds: number): Promise<Run> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`it did not answer within ${seconds} s`)),
      seconds * 1000,
    );
    const closed = () => fail(new Error("the connection was closed"));
    const end = () => {
      clearTimeout(late);
      client.off("close", closed);
    };
    const fail = (error: Error) => {
      end();
      reject(error);
    };
    client.once("close", closed);
    const begin: ClientCallback = (refused, channel) => {
      if (refused) return fail(refused);
      const sent = Date.now();
      let begun: number | undefined;
      let output = "";
      let errors = "";
      const bound = () => {
        if (output.length + errors.length <= most) return;
        fail(new Error(`it printed more than ${most} characters`));
        client.destroy();
      };
      channel.setEncoding("utf8").on("data", (text: string) => {
        // Noise before the report says nothing of the machine's clock.
        const line = output.lastIndexOf("\n") + 1;
        output += text;
        if (begun === undefined && hasBegun(output.slice(line))) begun = Date.now();
        bound();
      });
      channel.stderr.setEncoding("utf8").on("data", (text: string) => {
        errors += text;
        bound();
      });
      channel.on("close", (status?: number | null) => {
        end();
        resolve({ status: status ?? undefined, output, errors, sent, begun: begun ?? Date.now() });
      });
      channel.on("error", () => {});
      channel.end(program);
    };
    try {
      client.exec(command, begin);
    } catch (error) {
      // A connection that was closed before: nobody says so later.
      fail(error as Error);
    }
  });
}
