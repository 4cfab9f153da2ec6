import type { ClusterStatus } from "./cluster";
import type { Finding } from "./finding";
import { nodeRow, strangerRow, titles } from "./nodeRow";
import { type Paint, table, wrap } from "./paint";
import { summary } from "./summary";

/** The whole screen: a line a node, a line for each part of the cluster, and what is wrong with what to do about it. */
export function screen(
  status: ClusterStatus,
  findings: readonly Finding[],
  { paint, width, seconds }: { paint: Paint; width: number; seconds: number },
): string {
  const sick = findings.some(({ severity }) => severity === "problem");
  const verdict = sick ? paint("unhealthy", "bad") : paint("healthy", "good");
  const { plan } = status;
  const asked = paint(`${status.answers.length} nodes asked in ${seconds.toFixed(1)} s`, "dim");
  const of = (name: string) => findings.filter(({ node }) => node === name);
  const rows = [
    ...status.answers.map((answer) => nodeRow(answer, status, of(answer.node.name))),
    ...plan.unmanaged.map((node) => strangerRow(node, status, of(node.name))),
  ];
  return [
    `${paint(plan.name, "bold")} is ${verdict}   ${asked}`,
    "",
    ...table(rows, titles, paint),
    "",
    ...table(summary(status), ["", ""], paint).slice(1),
    ...findings.flatMap((finding) => ["", ...told(finding, paint, width)]),
    "",
  ].join("\n");
}

function told({ severity, what, remedy }: Finding, paint: Paint, width: number): string[] {
  const [mark, style] = severity === "problem" ? (["✗", "bad"] as const) : (["!", "warn"] as const);
  const [first = "", ...more] = wrap(what, width - 2, "  ");
  return [
    `${paint(mark, style)} ${paint(first, "bold")}`,
    ...more.map((line) => paint(line, "bold")),
    ...wrap(`  → ${remedy}`, width, "    "),
  ];
}
