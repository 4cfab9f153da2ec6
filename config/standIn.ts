/**
 * Stands in the plan for a value that another resource makes, such as the address of a machine that is yet to be: the
 * same plain text wherever the value goes. It is an address of 240.0.0.0/4, which is reserved (RFC 1112) and which no
 * file may name; all have the same length, so that none begins like another.
 */
export function standIn(n: number): string {
  const [a, b, c] = [n / 10_000, n / 100, n].map((part) => 100 + (Math.floor(part) % 100));
  return `240.${a}.${b}.${c}`;
}

const form = "240(?:\\.1\\d\\d){3}";
const whole = new RegExp(`^${form}$`);
const anywhere = new RegExp(`(?<![\\d.])${form}(?!\\d)`, "g");

export const isStandIn = (text: string): boolean => whole.test(text);

/** All stand-ins in a text, each once. */
export const standInsOf = (text: string): string[] => [...new Set(text.match(anywhere))];

/** The text with the real values; what `real` does not know stays. */
export function replaceStandIns(text: string, real: ReadonlyMap<string, unknown>): string {
  return text.replace(anywhere, (found) => (real.has(found) ? String(real.get(found)) : found));
}
