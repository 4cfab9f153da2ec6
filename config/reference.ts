import { notOurs, ourFields } from "./otherTools";

/** The part of JSON Schema that a cluster file's schema uses. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: string | number | boolean | object;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | false;
  /** Of a mapping that is described elsewhere. */
  readonly $ref?: string;
}

/** One Markdown section with a table of fields for each mapping of the file. */
export function fieldTables(root: JsonSchema): string {
  return mappingsBelow("", root).join("\n");
}

/** Tables of other tools' settings beside ours, and of those that have no field. */
export function otherToolsTables(): string {
  const tools = ["Kubespray", "k0sctl, k0s", "RKE2, Talos", "cephadm"];
  const table = (heading: string, rows: typeof ourFields, firstCell: (first: string) => string) => [
    `| ${[heading, ...tools].join(" | ")} |`,
    "| --- | --- | --- | --- | --- |",
    ...rows.map(
      ({ first, cells }) => `| ${[firstCell(first), ...cells.map(asCode)].join(" | ")} |`,
    ),
  ];
  return [
    ...table("in cluster.yaml", ourFields, (field) => `\`${field}\``),
    "",
    ...table("no field: what to do", notOurs, (remedy) =>
      remedy.replace(/(;|,? and) remove it$/, ""),
    ),
  ].join("\n");
}

/** Names as code; what stands in brackets is none. */
function asCode(cell: string): string {
  const words = cell.match(/\[.*?\]|\S+/g) ?? [];
  return words.map((word) => (word.startsWith("[") ? word.slice(1, -1) : `\`${word}\``)).join(" ");
}

function section(path: string, schema: JsonSchema): string[] {
  const rows = Object.entries(schema.properties ?? {}).map(([key, field]) => {
    const isNeeded = schema.required?.includes(key) ?? false;
    const cells = [
      `\`${key}\``,
      typeOf(field),
      defaultOf(field, isNeeded),
      field.description ?? "",
    ];
    return `| ${cells.map(escaped).join(" | ")} |`;
  });
  return [
    `### \`${path}\`\n`,
    `${schema.description ?? ""}\n`,
    "| field | type | default | meaning |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
    ...mappingsBelow(`${path}.`, schema),
  ];
}

function mappingsBelow(prefix: string, schema: JsonSchema): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, field]) => {
    if (field.properties) return section(prefix + key, field);
    const { additionalProperties: entry } = field;
    if (entry && entry.properties) return section(`${prefix}${key}.NAME`, entry);
    return field.items?.properties ? section(`${prefix}${key}[]`, field.items) : [];
  });
}

const names: Readonly<Record<string, string>> = {
  string: "text",
  integer: "whole number",
  boolean: "true or false",
};

function typeOf({ type = "", enum: words, items, properties, ...schema }: JsonSchema): string {
  if (words) return words.map((word) => `\`${word}\``).join(", ");
  if (items) return items.properties ? "list of mappings" : `list of ${typeOf(items)}`;
  if (schema.additionalProperties)
    return `mapping of text to ${typeOf(schema.additionalProperties)}`;
  return properties || schema.$ref !== undefined
    ? "mapping"
    : (names[type] ?? (type || "any value"));
}

function defaultOf({ default: value }: JsonSchema, isNeeded: boolean): string {
  if (isNeeded) return "required";
  // Empty lists and mappings go without saying; other defaults stand in the description.
  return value === undefined || typeof value === "object" ? "" : `\`${value}\``;
}

function escaped(text: string): string {
  return text.replace(/\|/g, "\\|").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
