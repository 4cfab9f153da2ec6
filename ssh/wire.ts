import type { Client } from "ssh2";
import { z } from "zod";
import type { NodePlan } from "../config/plan";
import { kept } from "../steps/program";
import { Dialer, type Patience } from "./dial";
import { awaitCall } from "./call";
import { diagnose, doesNotRun, wordsOf, wrongPassword } from "./diagnose";
import { login } from "./login";
import { mark, printable, readReport } from "./report";
import { type Run, runAsRoot } from "./run";
import { withoutPassword } from "./shell";

/** As patient as the SSH client of a step: half a minute for a machine that does not answer, less for one that refuses. */
const patience: Patience & { readonly answer: number } = {
  connect: 5,
  ready: 20,
  attempts: 6,
  answer: 20,
};

/** sshd allows ten sessions in one connection (MaxSessions), where nobody has told it otherwise. */
const sessions = 8;
const isFull = ({ message }: Error) => message.startsWith("(SSH) Channel open failure");

/**
 * Its whole answer: the program came in, what it prints comes back, and which parts of steps lie there. One that is empty, as
 * a damaged file system leaves it, is none: it is brought again.
 */
const hello = `cd ${kept} 2>/dev/null && for part in *-*; do [ ! -s "$part" ] || parts+=("$part"); done
printf '\\n%s{"uid":%d,"parts":[%s]}\\n' '${mark}' "$(id -u)" "$(printf '"%s",' "\${parts[@]//[^a-zA-Z0-9._-]/}" | sed 's/,$//')"
`;
const answer = z.strictObject({
  uid: z.int().nonnegative(),
  parts: z.array(z.string().max(100)).max(10_000),
});

/** One for all machines, so that they share the connections to bastions. It keeps no program from ending. */
const dialer = new Dialer(patience, { background: true });

interface Session {
  readonly client: Client;
  /** Names of the parts of steps that lie on the machine. */
  readonly parts: Set<string>;
}

/** The program's own connection to a machine: opened when it is first needed, and kept for as long as the program runs. */
export class Wire {
  private session: Promise<Session> | undefined;
  private call: Promise<void> | undefined;
  private running = 0;
  /** How many sessions the machine lets us have at a time, as far as we know. */
  private room = sessions;
  private readonly waiting: (() => void)[] = [];

  /** @param through what opens its connections; default: what all wires share */
  constructor(
    readonly node: NodePlan,
    private readonly through = dialer,
  ) {}

  /**
   * Waits for the machine's call, where nobody dials it; asked again, it has called.
   * @param tell is told, once, that it is waited for
   * @throws Error that names the node and what to do
   */
  called(tell: (words: string) => void): Promise<void> {
    this.call ??= awaitCall(this.node, tell).catch((error: Error) => {
      this.call = undefined;
      throw error;
    });
    return this.call;
  }

  /**
   * Names of the parts of steps that lie on the machine; who brings some adds them.
   * @throws Error that names the node, what came instead of an answer, and what to do
   */
  async parts(): Promise<Set<string>> {
    return (await this.open()).parts;
  }

  /**
   * Runs a bash program as root. Not for one that must not run twice: a connection that was lost is opened again.
   * @throws Error that names the node and what to do
   */
  async run(program: string, seconds: number): Promise<Run> {
    for (let attempt = 1; ; attempt++) {
      await this.turn();
      try {
        const session = this.open();
        const { client } = await session;
        try {
          const options = { seconds, limit: seconds + 10, args: "wire" };
          return await runAsRoot(client, this.node.ssh, program, options);
        } catch (error) {
          if (isFull(error as Error) && this.running > 1) {
            this.room = this.running - 1;
            attempt -= 1;
            continue;
          }
          // Another may have opened a new one already.
          if (this.session === session) this.session = undefined;
          client.destroy();
          if (attempt === 2) throw interrupted(this.node, error as Error);
        }
      } finally {
        this.running -= 1;
        this.waiting.shift()?.();
      }
    }
  }

  /** Ends the connection, as of a machine that restarts: what is run next opens another. */
  close(): void {
    const session = this.session;
    this.session = undefined;
    session?.then(
      ({ client }) => client.destroy(),
      () => {},
    );
  }

  private async turn(): Promise<void> {
    while (this.running >= this.room)
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.running += 1;
  }

  private open(): Promise<Session> {
    this.session ??= greet(this.node, this.through).catch((error: Error) => {
      this.session = undefined;
      throw error;
    });
    return this.session;
  }
}

/** What is said of a machine that let us in and did not run a program to its end, twice. */
function interrupted({ name, ssh }: NodePlan, error: Error): Error {
  return new Error(
    `\ngroundwork: ${name} (${ssh.host}) let us in, and did not do what it was given: ${printable(error.message, 200)}\n` +
      `  what to do: see whether the machine restarts or has no memory left (last -x, journalctl -k), or a firewall cuts ` +
      `connections; then run 'pulumi up' again`,
  );
}

/**
 * Why a node does not run what it is given, by trying once; undefined: it does.
 * @returns who, what is wrong, and what to do
 */
export async function whyNot(node: NodePlan, patient = patience): Promise<string | undefined> {
  const dialer = new Dialer({ ...patient, attempts: 1 }, { background: true });
  try {
    await greet(node, dialer);
    return undefined;
  } catch (error) {
    return (error as Error).message.replace(/^\s*groundwork: /, "");
  } finally {
    dialer.close();
  }
}

/** Logs in as a step does, and has a program run that only answers. */
async function greet(node: NodePlan, dialer: Dialer): Promise<Session> {
  const client = await login(node, dialer);
  try {
    const wrong = await wrongPassword(client, node);
    if (wrong !== undefined) throw new Error(`\ngroundwork: ${wrong}`);
    const options = { seconds: patience.answer, limit: patience.answer, args: "wire" };
    const done = await runAsRoot(client, node.ssh, hello, options).catch((error: Error) => error);
    const parts = partsIn(done, node);
    if (parts instanceof Set) return { client, parts };
    throw new Error(
      `\ngroundwork: ${(await diagnose(client, node, parts)) ?? doesNotRun(node, parts)}`,
    );
  } catch (error) {
    client.destroy();
    throw error;
  }
}

/** The parts that lie on the machine; or what came instead of an answer. */
function partsIn(done: Run | Error, { ssh }: NodePlan): Set<string> | string {
  if (done instanceof Error) return printable(done.message, 200);
  const { status, output, errors } = done;
  try {
    return new Set(readReport(output, answer).parts);
  } catch {
    const words = wordsOf(withoutPassword(ssh, `${output}\n${errors}`));
    return `it says ${words}, and ends with status ${status ?? "unknown"}`;
  }
}
