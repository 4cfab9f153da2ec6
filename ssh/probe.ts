import { z } from "zod";
import type { NodePlan } from "../config/plan";
import { Dialer, type Patience } from "./dial";
import { letUsIn } from "./hang";
import { login, withoutRights } from "./login";
import { firstWords, mark, printable, readReport } from "./report";
import { type Run, run } from "./run";
import { shell } from "./shell";

/** As patient as the SSH client of a step: half a minute for a machine that does not answer, less for one that refuses. */
const patience: Patience & { readonly answer: number } = {
  connect: 5,
  ready: 20,
  attempts: 6,
  answer: 20,
};

/** Its whole answer: the program came in, and what it prints comes back. */
const program = `printf '\\n%s{"uid":%d}\\n' '${mark}' "$(id -u)"\n`;
const answer = z.strictObject({ uid: z.int().nonnegative() });

/** Of all probes that run at the same time, so that they share the connection to a bastion. */
let shared: { readonly dialer: Dialer; users: number } | undefined;

/**
 * Logs in as a step does, and has a program run that only answers.
 * @throws Error that names the node, what came instead of an answer, and what to do
 */
export async function probe(node: NodePlan): Promise<void> {
  shared ??= { dialer: new Dialer(patience), users: 0 };
  const own = shared;
  own.users += 1;
  try {
    const client = await login(node, own.dialer);
    letUsIn(node);
    const command = `${shell(node.ssh, patience.answer)} probe`;
    const done = await run(client, command, program, patience.answer).catch(
      (error: Error) => error,
    );
    client.end();
    judge(node, done);
  } finally {
    own.users -= 1;
    if (own.users === 0) {
      own.dialer.close();
      shared = undefined;
    }
  }
}

/** Throws unless a run is an answer. */
function judge({ name, ssh, ...node }: NodePlan, done: Run | Error): void {
  const { host, user } = ssh;
  const refuse = (says: string) => {
    throw new Error(
      `\ngroundwork: ${name} (${host}) lets user ${user} in, but does not run what it is given: ${says}; nothing was written\n` +
        `  what to do: make the shell of ${user} there (its line in /etc/passwd, ~/.bashrc, command= in authorized_keys) ` +
        `run commands to their end; what it prints before and behind does no harm. Then run 'pulumi up' again`,
    );
  };
  if (done instanceof Error) return refuse(printable(done.message, 200));
  const { status, output, errors } = done;
  const known = withoutRights(done, { name, ssh, ...node });
  if (known !== undefined) throw new Error(`\ngroundwork: ${known}`);
  try {
    readReport(output, answer);
  } catch {
    refuse(
      `it says ${firstWords(`${output}\n${errors}`)}, and ends with status ${status ?? "unknown"}`,
    );
  }
}
