import type { z } from "zod";

/**
 * Begins the line of a report, behind a line break: a login shell prints what it likes before, without one at its end,
 * and behind.
 */
export const mark = "groundwork-report: ";

/** Characters that control a terminal, or make a text look like another: C0, DEL, C1, directions, half characters. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** What others wrote, as a terminal may show it: one line of at most `limit` characters that controls nothing. */
export function printable(text: string, limit = 1000): string {
  const shown = text.slice(0, 2 * limit).replace(unprintable, " ");
  // The cut may leave half a character.
  return shown.length > limit ? `${shown.slice(0, limit - 1).replace(unprintable, " ")}…` : shown;
}

/** Whether the report has begun in what came so far. */
export const hasBegun = (output: string) => output.startsWith(mark) || output.includes(`\n${mark}`);

/**
 * The report in what a machine printed, with every text in it {@link printable}.
 * @throws Error that says what was found instead
 */
export function readReport<T>(output: string, schema: z.ZodType<T>): T {
  const line = output.split("\n").find((text) => text.startsWith(mark));
  if (line === undefined) throw new Error(`it printed ${firstWords(output)} instead of a report`);
  let data: unknown;
  try {
    data = JSON.parse(line.slice(mark.length));
  } catch {
    throw new Error(`its report is cut short or damaged after ${line.length} characters`);
  }
  const parsed = schema.safeParse(data);
  if (parsed.success) return cleaned(parsed.data) as T;
  const [issue] = parsed.error.issues;
  throw new Error(
    printable(`its report is not understood: ${issue?.path.join(".")}: ${issue?.message}`, 200),
  );
}

/** The first line of an output that says something, in quotes; `nothing` when none does. */
export function firstWords(output: string): string {
  const lines = output.split("\n").map((line) => printable(line, 80).trim());
  const first = lines.find((line) => line !== "");
  return first === undefined ? "nothing" : JSON.stringify(first);
}

/** The last line of what a program printed, in which most say why they ended. */
export const lastWords = (output: string): string =>
  printable(output.trim().split("\n").at(-1) ?? "", 200);

function cleaned(value: unknown): unknown {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [printable(key), cleaned(inner)]),
  );
}
