import * as pulumi from "@pulumi/pulumi";
import { isStandIn, replaceStandIns, standIn, standInsOf } from "../config/standIn";

/** A value that another resource makes. */
export type Made = pulumi.Output<string | number>;

/**
 * Who a stand-in stands for, in all clusters of the program. Where values leave the plan for resources, `fill` puts the
 * real ones in; no component in between has to know that there are any.
 */
const made = new Map<string, Made>();
let next = 0;

/** A stand-in for `value` that is not among `taken`, the arguments' own text. */
export function standInFor(value: Made, taken: string): string {
  for (;;) {
    const candidate = standIn(next++);
    if (taken.includes(candidate)) continue;
    made.set(candidate, value);
    return candidate;
  }
}

/** What a port, a number, has for a stand-in: its digits, which no port and no timeout is. */
export const asNumber = (standIn: string): number => Number(standIn.replaceAll(".", ""));

const asText = (value: number) =>
  String(value).replace(/^(240)(1\d\d)(1\d\d)(1\d\d)$/, "$1.$2.$3.$4");

/**
 * `value` with the real values where it has stand-ins, and itself where it has none: in a program whose values are all
 * plain, nothing becomes an output. What is not known yet makes only that text unknown that it stands in.
 */
export function fill<T>(value: pulumi.Input<T>): pulumi.Input<T> {
  return made.size === 0 ? value : (filled(value) as pulumi.Input<T>);
}

function filled(value: unknown): unknown {
  if (pulumi.Output.isInstance(value) || value instanceof Promise)
    return pulumi.output(value).apply((inner: unknown) => pulumi.output(filled(inner)));
  if (typeof value === "string") return filledText(value);
  if (typeof value === "number") return made.get(asText(value)) ?? value;
  if (Array.isArray(value)) return value.map(filled);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, filled(inner)]));
}

function filledText(text: string): pulumi.Input<string | number> {
  const found = standInsOf(text).flatMap((one) => {
    const value = made.get(one);
    return value === undefined ? [] : [[one, value] as const];
  });
  const [first] = found;
  if (first === undefined) return text;
  if (isStandIn(text)) return first[1];
  return pulumi
    .all(found.map(([, value]) => value))
    .apply((values) =>
      replaceStandIns(text, new Map(values.map((value, i) => [found[i]?.[0] ?? "", value]))),
    );
}

/** `value` with the real values, for a hook: when it is called, all of them are known. */
export function settled<T>(value: T): Promise<T> {
  if (made.size === 0) return Promise.resolve(value);
  const real = pulumi.output(fill(value)) as pulumi.Output<unknown>;
  return new Promise((resolve) => real.apply((known) => resolve(known as T)));
}
