import type { NodePlan } from "../config/plan";
import { remedyOf } from "./remedies";
import { firstWords, printable } from "./report";
import { run } from "./run";
import { session } from "./session";
import { shell } from "./shell";

/** Seconds a program has: one that was cut short may still hold its lock for a while. */
const patience = 360;

/**
 * Runs a program on a machine as a step does, at once.
 * @param what name of the program, as its script has it
 * @throws Error in the words of the program; of the connection's trouble, with what to do
 */
export async function runOn(node: NodePlan, what: string, program: string): Promise<void> {
  const { name, ssh } = node;
  const command = `${shell(ssh, patience)} create`;
  const { status, output, errors } = await session(node, (client) =>
    run(client, command, program, patience + 20).catch((error: Error) => {
      throw new Error(
        `\ngroundwork: ${what} was cut short on ${name} (${ssh.host}): ${printable(error.message, 200)}\n` +
          `  what to do: run 'pulumi up' again`,
      );
    }),
  );
  if (status === 0) return;
  const own = errors.indexOf("groundwork: ");
  if (own >= 0) throw new Error(`\n${linesOf(errors.slice(own))}`);
  const known = remedyOf(errors, node);
  throw new Error(
    `\ngroundwork: ${
      known?.text ??
      `${what} ended on ${name} (${ssh.host}) with status ${status ?? "unknown"}, and says ${firstWords(`${errors}\n${output}`)}`
    }`,
  );
}

/** What a machine said, as a terminal may show it. */
const linesOf = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .slice(0, 60)
    .map((line) => printable(line))
    .join("\n");
