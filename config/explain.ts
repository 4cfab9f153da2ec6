import type { z } from "zod";
import { didYouMean } from "./didYouMean";
import { type Issue, type Path, show } from "./issues";
import { remedyFor } from "./otherTools";
import { descriptionOf, isOptional, keysOf, refusalOf, schemaAt } from "./schemaTree";

/** What zod found, in the words of a cluster file: value, rule, remedy. */
export function explain(
  root: z.ZodType,
  data: unknown,
  issues: readonly z.core.$ZodIssue[],
): Issue[] {
  return issues.flatMap((issue) => {
    const path = issue.path.filter((part) => typeof part !== "symbol");
    const value = valueAt(data, path);
    const one = (message: string): Issue[] => [{ path, message }];
    switch (issue.code) {
      case "unrecognized_keys":
        return issue.keys.map((key) => ({
          path: [...path, key],
          message: unknownKey(key, schemaAt(root, path)),
        }));
      case "invalid_type":
        return one(wrongType(value, issue.expected, schemaAt(root, path)));
      case "invalid_value":
        return one(
          value === undefined
            ? missing(schemaAt(root, path))
            : unknownValue(value, issue.values.map(String)),
        );
      case "invalid_key":
        return one(`${show(path.at(-1))} ${issue.issues[0]?.message ?? "is not a valid key"}`);
      default:
        // Lists and mappings are named by their path; what is in them would only be noise.
        // Nor is there anything to show of a value that is not there.
        return one(
          /^(object|undefined)$/.test(typeof value)
            ? issue.message
            : `${show(value)} ${issue.message}`,
        );
    }
  });
}

function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, part) => (value as Record<string | number, unknown>)[part],
    data,
  );
}

function unknownKey(key: string, schema: z.core.$ZodType | undefined): string {
  const refusal = refusalOf(schema, key);
  if (refusal !== undefined) return `${show(key)} ${refusal}`;
  const known = keysOf(schema);
  const meant = didYouMean(key, known);
  const remedy =
    remedyFor(key, known) ??
    (meant !== undefined
      ? `did you mean ${meant}?`
      : known.length > 20
        ? "remove it"
        : `remove it, or use one of ${known.join(", ")}`);
  return `${show(key)} is not known here; ${remedy}`;
}

function unknownValue(value: unknown, known: readonly string[]): string {
  const [only, ...others] = known;
  if (others.length === 0) return `${show(value)} is not there yet; give ${only}, or leave it out`;
  const meant = typeof value === "string" ? didYouMean(value, known) : undefined;
  const remedy =
    meant === undefined
      ? (typeof value === "string" && remedyFor(value, [])) || "give one of these"
      : `did you mean ${meant}?`;
  return `${show(value)} is not one of ${known.join(", ")}; ${remedy}`;
}

function missing(schema: z.core.$ZodType | undefined): string {
  return `is missing; give ${subject(schema)}`;
}

const kinds: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

function wrongType(value: unknown, expected: string, schema: z.core.$ZodType | undefined): string {
  if (value === undefined) return missing(schema);
  if (value === null) {
    return `is empty; ${isOptional(schema) ? "remove it, or " : ""}give ${subject(schema)}`;
  }
  // A version such as 1.36 or a label such as true is no text to YAML.
  const quoted = expected === "string" && typeof value !== "object" ? ", in quotes" : "";
  return `${show(value)} is not ${kinds[expected] ?? expected}; give ${subject(schema)}${quoted}`;
}

/** What a value is, from its description's first clause: `the IPv4 address of the node`. */
function subject(schema: z.core.$ZodType | undefined): string {
  const [clause = ""] = (schema && descriptionOf(schema))?.split(/[;:.](?:\s|$)/) ?? [];
  // Words like IPv4 and SSH keep their capitals.
  const words = /^[A-Z][a-z ]/.test(clause)
    ? clause.charAt(0).toLowerCase() + clause.slice(1)
    : clause;
  return clause === "" ? "a value" : `the ${words}`;
}
