import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { NodePlan } from "../config/plan";
import { plugins } from "../networks";
import { type Asked, askEach } from "../ssh/ask";
import type { Trouble } from "../ssh/remedies";
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

/** What a machine does that may be off, or on its way up. */
const maybeOff: readonly Trouble[] = ["silent", "closed", "unreachable", "behind", "hangs"];

/** What is asked of a machine: the script, behind what network plugins ask. */
export const statusProgram = (): string =>
  [
    ...Object.values(plugins).flatMap(({ folder, looks }) => (looks ? [join(folder, looks)] : [])),
    join(__dirname, "status.sh"),
  ]
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");

/**
 * Asks all nodes at once. Never throws: each node's failure is its answer.
 * @param stop when nobody waits for the answers any more
 */
export async function askAll(nodes: readonly NodePlan[], stop?: AbortSignal): Promise<Answer[]> {
  const script = statusProgram();
  const question = { program: () => script, args: "--report", schema, patience, seconds: 7 };
  return (await askEach(nodes, question, stop)).map(answer);
}

function answer(asked: Asked<Report>): Answer {
  if ("report" in asked) {
    const { node, report, run } = asked;
    return { node, report, clock: compareClocks(report.clock * 1000, run.sent, run.begun) };
  }
  const { node, failure, reached, remedy, error } = asked;
  // One that is silent may be off: what that means to the cluster is the judge's to say.
  const trouble = error?.trouble;
  const known =
    error === undefined ||
    (trouble !== undefined && (error.atBastion || !maybeOff.includes(trouble)));
  return { node, failure, reached, ...(known && remedy !== undefined && { remedy }) };
}

/** The node's clock was read somewhere between sending the script and the first word of the answer. */
export function compareClocks(theirs: number, sent: number, begun: number) {
  return { offset: (theirs - (sent + begun) / 2) / 1000, error: (begun - sent) / 2000 };
}
