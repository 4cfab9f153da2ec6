/** Property values as they travel between engine and provider, and the two marks they can carry. */
import { Struct } from "google-protobuf/google/protobuf/struct_pb";

/** JSON, plus the engine's marks for secrets and unknowns in their wire form. */
export type Value = null | boolean | number | string | Value[] | Properties;
export interface Properties {
  [name: string]: Value;
}

/** A value the engine does not know yet, as at preview. */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The engine has one such mark for each type a value may turn out to have. */
const unknowns = new Set([
  unknown,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

export function toStruct(properties: Properties): Struct {
  return Struct.fromJavaScript(properties);
}

export function fromStruct(struct: Struct | undefined): Properties {
  return struct?.toJavaScript() ?? {};
}

export function isObject(value: Value | undefined): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as text: a string as it is, nothing as the empty string. */
export function textOf(value: Value | undefined): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : JSON.stringify(value);
}

/** Whether `value` is an unknown, or holds one somewhere. */
export function hasUnknown(value: Value): boolean {
  if (typeof value === "string") return unknowns.has(value);
  if (value === null || typeof value !== "object") return false;
  return Object.values(value).some(hasUnknown);
}

/** Properties without their secret wrappers, and the names of those that were, or held, a secret. */
export interface Revealed {
  readonly properties: Properties;
  readonly secrets: ReadonlySet<string>;
}

export function reveal(wire: Properties): Revealed {
  const secrets = new Set<string>();
  const properties: Properties = {};
  for (const [name, value] of Object.entries(wire)) {
    properties[name] = unwrap(value, () => secrets.add(name));
  }
  return { properties, secrets };
}

function unwrap(value: Value, found: () => void): Value {
  if (Array.isArray(value)) return value.map((item) => unwrap(item, found));
  if (!isObject(value)) return value;
  if (value[signatureKey] === secretSignature) {
    found();
    return unwrap(value.value ?? null, found);
  }
  return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, unwrap(v, found)]));
}

/** The reverse of {@link reveal}: wraps every property that is named in `secrets`. */
export function conceal(properties: Properties, secrets: ReadonlySet<string>): Properties {
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [
        name,
        secrets.has(name) ? { [signatureKey]: secretSignature, value } : value,
      ]),
  );
}

/** Equality of values; a null property is one that is not there. */
export function equal(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b || (a ?? null) === (b ?? null)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => equal(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  return differences(a, b).length === 0;
}

/** Names of the properties that differ. */
export function differences(olds: Properties, news: Properties): string[] {
  const names = new Set([...Object.keys(olds), ...Object.keys(news)]);
  return [...names].filter((name) => !equal(olds[name], news[name]));
}
