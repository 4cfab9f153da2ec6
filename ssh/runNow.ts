import type { NodePlan } from "../config/plan";
import { quote } from "../steps/program";
import { firstWords, printable } from "./report";
import { endingOf } from "./ending";
import type { Run } from "./run";
import type { Wire } from "./wire";

/** Seconds a program has: one that was cut short may still hold its lock for a while. */
const patience = 360;

/** Shell variables that are known only when a step runs. */
export type Told = Readonly<Record<string, string>>;

/**
 * Runs the program of a step at once, from a hook. It may run twice: see {@link Wire.run}.
 *
 * @param what name of the step
 * @param options.told what it is told beside what stands in the program; default: nothing
 * @param options.seconds after which it is ended on the machine; default 360
 * @throws Error in the words of the program, or with what the machine said instead, and what to do
 */
export async function runNow(
  wire: Wire,
  what: string,
  program: string,
  { told = {}, seconds = patience }: { readonly told?: Told; readonly seconds?: number } = {},
): Promise<void> {
  const more = Object.entries(told).map(([name, value]) => `${name}=${quote(value)}\n`);
  const run = await wire.run(`set -- create\n${more.join("")}${program}`, seconds);
  if (run.status !== 0) throw failedRun(wire.node, what, run);
}

/** What is said of a program that failed: its own words, or what the machine said instead, and what to do. */
export function failedRun({ name, ssh }: NodePlan, what: string, run: Run): Error {
  const { status, output, errors } = run;
  const own = errors.indexOf("groundwork: ");
  const text =
    own >= 0
      ? linesOf(errors.slice(own))
      : `groundwork: ${
          `${what} ended on ${name} (${ssh.host}) with status ${status ?? "unknown"}, and says ` +
          `${firstWords(`${errors}\n${output}`)}\n  what to do: ` +
          (endingOf(status) ?? "run 'pulumi up' again; if it stays, see docs/troubleshooting.md")
        }`;
  return new Error(`\n${text}`);
}

/** What a machine said, as a terminal may show it. */
const linesOf = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .slice(0, 60)
    .map((line) => printable(line))
    .join("\n");
