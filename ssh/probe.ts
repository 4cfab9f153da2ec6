import { z } from "zod";
import type { NodePlan } from "../config/plan";
import { remedyOf } from "./remedies";
import { firstWords, mark, printable, readReport } from "./report";
import { type Run, run } from "./run";
import { session } from "./session";
import { shell } from "./shell";

/** Seconds. */
const patience = 20;

/** Its whole answer: the program came in, and what it prints comes back. */
const program = `printf '\\n%s{"uid":%d}\\n' '${mark}' "$(id -u)"\n`;
const answer = z.strictObject({ uid: z.int().nonnegative() });

/**
 * Logs in as a step does, and has a program run that only answers.
 * @throws Error that names the node, what came instead of an answer, and what to do
 */
export async function probe(node: NodePlan): Promise<void> {
  const command = `${shell(node.ssh, patience)} probe`;
  const done = await session(node, (client) =>
    run(client, command, program, patience).catch((error: Error) => error),
  );
  judge(node, done);
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
  const sudo = errors.split("\n").find((line) => line.includes("sudo:")) ?? "";
  const known = status === 0 ? undefined : remedyOf(sudo, { name, ssh, ...node });
  if (known) throw new Error(`\ngroundwork: ${known.text}`);
  try {
    readReport(output, answer);
  } catch {
    refuse(
      `it says ${firstWords(`${output}\n${errors}`)}, and ends with status ${status ?? "unknown"}`,
    );
  }
}
