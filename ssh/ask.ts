import type { z } from "zod";
import type { NodePlan } from "../config/plan";
import { Dialer, type Patience } from "./dial";
import { diagnose, wrongPassword } from "./diagnose";
import { login, LoginError } from "./login";
import { printable, readReport } from "./report";
import { type Run, runAsRoot } from "./run";
import { withoutPassword } from "./shell";

/** What machines are asked: a bash program that prints a report and leaves nothing. */
export interface Question<T> {
  readonly program: (node: NodePlan) => string;
  /** Arguments of the program; default: none. */
  readonly args?: string;
  readonly schema: z.ZodType<T>;
  readonly patience: Patience;
  /** Seconds after which the program is ended on the machine; a second later it is given up here. */
  readonly seconds: number;
}

/** What came of asking a machine: its report, or why there is none. */
export type Asked<T> =
  | { readonly node: NodePlan; readonly report: T; readonly run: Run }
  | {
      readonly node: NodePlan;
      readonly failure: string;
      /** Whether it let us in at all. */
      readonly reached: boolean;
      /** What to do, where that is known. */
      readonly remedy?: string;
      /** What kept us out, where something did. */
      readonly error?: LoginError;
    };

/**
 * Asks all machines at once. Never throws: each machine's failure is its answer.
 * @param stop when nobody waits for the answers any more
 */
export async function askEach<T>(
  nodes: readonly NodePlan[],
  question: Question<T>,
  stop?: AbortSignal,
): Promise<Asked<T>[]> {
  const dialer = new Dialer(question.patience);
  stop?.addEventListener("abort", () => dialer.close(), { once: true });
  try {
    return await Promise.all(nodes.map((node) => ask(node, question, dialer)));
  } finally {
    dialer.close();
  }
}

async function ask<T>(
  node: NodePlan,
  { program, args, schema, seconds }: Question<T>,
  dialer: Dialer,
): Promise<Asked<T>> {
  try {
    const client = await login(node, dialer);
    const wrong = await wrongPassword(client, node);
    if (wrong !== undefined)
      return { node, failure: "sudo does not let us in", reached: true, remedy: wrong };
    const options = { seconds, grace: 1, limit: seconds + 1, args };
    const done = await runAsRoot(client, node.ssh, program(node), options);
    const { status, output, errors } = done;
    if (status !== 0) {
      const words = printable(errors.trim().split("\n").at(-1) ?? "", 150);
      const failure = `the script ended with status ${status ?? "unknown"}: ${words}`;
      const remedy = await diagnose(client, node, failure);
      return { node, failure, reached: true, ...(remedy !== undefined && { remedy }) };
    }
    return { node, report: readReport(output, schema), run: done };
  } catch (error) {
    if (!(error instanceof LoginError)) {
      const says = withoutPassword(node.ssh, (error as Error).message);
      return { node, failure: printable(says, 200), reached: true };
    }
    return { node, failure: error.says, reached: false, remedy: error.remedy, error };
  }
}
