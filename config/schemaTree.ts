import { z } from "zod";
import type { Path } from "./issues";

/** The schema without what only says that it may be absent or is changed after reading. */
export function bare(schema: z.core.$ZodType): z.core.$ZodType {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  ) {
    return bare(schema.unwrap());
  }
  if (!(schema instanceof z.ZodPipe)) return schema;
  return bare(schema.in instanceof z.ZodTransform ? schema.out : schema.in);
}

/** Keys that a mapping does not take though one may look for them there, each with the reason and the remedy. */
const refused = z.registry<Readonly<Record<string, string>>>();

/** Has errors about these keys of a mapping say why, in place of what else there is. */
export function refuseKeys(schema: z.ZodObject, keys: readonly string[], why: string): void {
  refused.add(schema, Object.fromEntries(keys.map((key) => [key, why])));
}

/** Why a mapping does not take a key; nothing where it is not known there at all. */
export function refusalOf(schema: z.core.$ZodType | undefined, key: string): string | undefined {
  return schema && ownValue(refused.get(bare(schema)) ?? {}, key);
}

/** A key of a file may be `constructor` or `__proto__`, which every object has without having it itself. */
function ownValue<T>(of: Readonly<Record<string, T>>, key: string | number): T | undefined {
  return Object.entries(of).find(([name]) => name === String(key))?.[1];
}

function shapeOf(schema: z.ZodObject): Record<string, z.core.$ZodType> {
  return schema.shape;
}

/** The schema of the value at `path`; nothing when the file has no such place. */
export function schemaAt(root: z.core.$ZodType, path: Path): z.core.$ZodType | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return root;
  const schema = bare(root);
  let child: z.core.$ZodType | undefined;
  if (schema instanceof z.ZodObject) child = ownValue(shapeOf(schema), first);
  else if (schema instanceof z.ZodArray) child = schema.element;
  else if (schema instanceof z.ZodRecord) child = schema.valueType;
  return child && schemaAt(child, rest);
}

/** The keys a mapping may have. */
export function keysOf(schema: z.core.$ZodType | undefined): string[] {
  const inner = schema && bare(schema);
  return inner instanceof z.ZodObject ? Object.keys(shapeOf(inner)) : [];
}

/** Whether the value may be left out. */
export function isOptional(schema: z.core.$ZodType | undefined): boolean {
  return schema !== undefined && z.safeParse(schema, undefined).success;
}

/** What the schema says the value is. */
export function descriptionOf(schema: z.core.$ZodType): string | undefined {
  if (!(schema instanceof z.ZodType)) return undefined;
  return (
    schema.description ??
    (schema instanceof z.ZodOptional ? descriptionOf(schema.unwrap()) : undefined)
  );
}

/**
 * What a file says, where YAML reads a number or a truth value though the schema wants text: the text as it is written. So
 * `1.30` stays a version, `true` a label's value, and digits alone a checksum.
 * @param text the same data with nothing but texts in it
 */
export function asWritten(
  schema: z.core.$ZodType | undefined,
  value: unknown,
  text: unknown,
): unknown {
  const inner = schema && bare(schema);
  if (inner?._zod.def.type === "string" && /^(number|boolean)$/.test(typeof value)) return text;
  if (typeof value !== "object" || value === null) return value;
  const below = (key: string | number) => schema && schemaAt(schema, [key]);
  const texts = text as Readonly<Record<string | number, unknown>>;
  if (Array.isArray(value)) return value.map((one, i) => asWritten(below(i), one, texts[i]));
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, asWritten(below(key), one, texts[key])]),
  );
}

/** A value of which every part may be missing. */
export type Draft<T> = T extends readonly (infer E)[]
  ? (Draft<E> | undefined)[]
  : T extends object
    ? { [K in keyof T]?: Draft<T[K]> }
    : T;

/**
 * Whatever of `value` is valid by itself, with defaults filled in; the rest is left out. Lists keep their length, so
 * that indexes still name the places of the file.
 */
export function salvage<S extends z.ZodType>(
  schema: S,
  value: unknown,
): Draft<z.output<S>> | undefined {
  return salvageAny(schema, value) as Draft<z.output<S>> | undefined;
}

function salvageAny(schema: z.core.$ZodType, value: unknown): unknown {
  const whole = z.safeParse(schema, value);
  if (whole.success) return whole.data;
  const inner = bare(schema);
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((element) => salvageAny(inner.element, element));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const part = value as Record<string, unknown>;
  if (inner instanceof z.ZodObject) return salvageEntries(Object.entries(shapeOf(inner)), part);
  if (inner instanceof z.ZodRecord) {
    return salvageEntries(
      Object.keys(part).map((key) => [key, inner.valueType]),
      part,
    );
  }
  return undefined;
}

function salvageEntries(schemas: [string, z.core.$ZodType][], value: Record<string, unknown>) {
  return Object.fromEntries(
    schemas
      .map(([key, schema]) => [key, salvageAny(schema, value[key])] as const)
      .filter(([, part]) => part !== undefined),
  );
}
