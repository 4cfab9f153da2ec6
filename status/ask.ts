import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { NodePlan } from "../config/plan";
import { Dialer } from "../ssh/dial";
import { diagnose, wrongPassword } from "../ssh/diagnose";
import { login, LoginError } from "../ssh/login";
import type { Trouble } from "../ssh/remedies";
import { printable, readReport } from "../ssh/report";
import { run } from "../ssh/run";
import { fed, shell } from "../ssh/shell";
import { type Report, report as schema } from "./report";

/** What came of asking a node: its report, or why there is none. */
export type Answer =
  | {
      readonly node: NodePlan;
      readonly report: Report;
      /** Seconds the node's clock is ahead of ours, and how wrong that may be. */
      readonly clock: { readonly offset: number; readonly error: number };
    }
  | {
      readonly node: NodePlan;
      readonly failure: string;
      /** Whether it let us in at all. */
      readonly reached: boolean;
      /** What to do, where that is known. */
      readonly remedy?: string;
    };

/** Seconds a node has to let us in, and then to answer; the script gives up sooner by itself. */
const patience = { connect: 4, ready: 4, attempts: 1 };
const answerLimit = 8;

/** What a machine does that may be off, or on its way up. */
const maybeOff: readonly Trouble[] = ["silent", "closed", "unreachable", "behind", "hangs"];

const script = readFileSync(join(__dirname, "status.sh"), "utf8");

/** Asks all nodes at once. Never throws: each node's failure is its answer. */
export async function askAll(nodes: readonly NodePlan[]): Promise<Answer[]> {
  const dialer = new Dialer(patience);
  try {
    return await Promise.all(nodes.map((node) => ask(node, dialer)));
  } finally {
    dialer.close();
  }
}

async function ask(node: NodePlan, dialer: Dialer): Promise<Answer> {
  try {
    const client = await login(node, dialer);
    const wrong = await wrongPassword(client, node);
    if (wrong !== undefined)
      return { node, failure: "sudo does not take the password", reached: true, remedy: wrong };
    const command = `${shell(node.ssh, 7, 1)} --report`;
    const done = await run(client, command, fed(node.ssh, script), answerLimit);
    const { status, output, errors, sent, begun } = done;
    if (status !== 0) {
      const words = printable(errors.trim().split("\n").at(-1) ?? "", 150);
      const failure = `the script ended with status ${status ?? "unknown"}: ${words}`;
      const remedy = await diagnose(client, node, failure);
      return { node, failure, reached: true, ...(remedy !== undefined && { remedy }) };
    }
    const report = readReport(output, schema);
    return { node, report, clock: compareClocks(report.clock * 1000, sent, begun) };
  } catch (error) {
    if (!(error instanceof LoginError))
      return { node, failure: printable((error as Error).message, 200), reached: true };
    const { says, trouble, atBastion, remedy } = error;
    // One that is silent may be off: what that means to the cluster is the judge's to say.
    const known = trouble !== undefined && (atBastion || !maybeOff.includes(trouble));
    return { node, failure: says, reached: false, ...(known && { remedy }) };
  }
}

/** The node's clock was read somewhere between sending the script and the first word of the answer. */
export function compareClocks(theirs: number, sent: number, begun: number) {
  return { offset: (theirs - (sent + begun) / 2) / 1000, error: (begun - sent) / 2000 };
}
