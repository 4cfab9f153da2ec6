import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "ssh2";
import type { NodePlan, SshTarget } from "../config/plan";
import { Dialer } from "./dial";
import { parseReport, type Report } from "./report";

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
    };

/** Milliseconds a node has to answer in once it let us in; the script gives up sooner by itself. */
const answerLimit = 8000;

const script = readFileSync(join(__dirname, "..", "scripts", "status.sh"), "utf8");

/** Asks all nodes at once. Never throws: each node's failure is its answer. */
export async function askAll(nodes: readonly NodePlan[]): Promise<Answer[]> {
  const dialer = new Dialer();
  try {
    return await Promise.all(nodes.map((node) => ask(node, dialer)));
  } finally {
    dialer.close();
  }
}

async function ask(node: NodePlan, dialer: Dialer): Promise<Answer> {
  let reached = false;
  try {
    const client = await dialer.dial(node.ssh);
    reached = true;
    const { output, sent, begun } = await run(client, command(node.ssh));
    const report = parseReport(output);
    return { node, report, clock: compareClocks(report.clock * 1000, sent, begun) };
  } catch (error) {
    return { node, failure: (error as Error).message, reached };
  }
}

function command({ user }: SshTarget): string {
  return `${user === "root" ? "" : "sudo -n "}timeout --kill-after=1 7 bash -s -- --json`;
}

/** The node's clock was read somewhere between sending the script and the first word of the answer. */
export function compareClocks(theirs: number, sent: number, begun: number) {
  return { offset: (theirs - (sent + begun) / 2) / 1000, error: (begun - sent) / 2000 };
}

interface Run {
  readonly output: string;
  /** Milliseconds since 1970 by our clock. */
  readonly sent: number;
  readonly begun: number;
}

/** Runs the script on standard input: no argument is seen in process lists, and a broken connection runs nothing. */
function run(client: Client, shell: string): Promise<Run> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`it let us in, but did not answer within ${answerLimit / 1000} s`)),
      answerLimit,
    );
    client.exec(shell, (refused, channel) => {
      if (refused) return reject(refused);
      const sent = Date.now();
      let begun: number | undefined;
      let output = "";
      let errors = "";
      channel.setEncoding("utf8").on("data", (text: string) => {
        begun ??= Date.now();
        output += text;
      });
      channel.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
      channel.on("close", (status?: number | null) => {
        clearTimeout(late);
        if (status === 0) return resolve({ output, sent, begun: begun ?? Date.now() });
        const words = errors.trim().split("\n").at(-1) ?? "";
        reject(new Error(`the script ended with status ${status ?? "unknown"}: ${words}`));
      });
      channel.on("error", () => {});
      channel.end(script);
    });
  });
}
