import { isObject, textOf, type Value } from "../shared/values";

type Attribute = Record<string, string[]>;

/** In the order in which upstream's library writes them. */
const attributes: readonly (readonly [string, string])[] = [
  ["country", "C"],
  ["organization", "O"],
  ["organizationalUnit", "OU"],
  ["locality", "L"],
  ["province", "ST"],
  ["streetAddresses", "2.5.4.9"],
  ["postalCode", "2.5.4.17"],
  ["commonName", "CN"],
  ["serialNumber", "2.5.4.5"],
  ["emailAddress", "E"],
];

/** The input `subject` as the attributes of a distinguished name. */
export function distinguishedName(subject: Value | undefined): Attribute[] {
  if (!isObject(subject)) return [];
  return attributes.flatMap(([property, attribute]) => {
    const value = subject[property] ?? [];
    const values = Array.isArray(value) ? value : [value];
    return values.map((one) => ({ [attribute]: [textOf(one)] }));
  });
}
