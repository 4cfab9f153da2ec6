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
  return schema instanceof z.ZodPipe ? bare(schema.in) : schema;
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
  if (schema instanceof z.ZodObject) child = shapeOf(schema)[first];
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
