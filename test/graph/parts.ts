import { isRpcSecret } from "@pulumi/pulumi/runtime/rpc";
import { readFileSync } from "node:fs";
import { stringify } from "yaml";
import { type Identity, withoutIdentity } from "./identity";
import { part, sources } from "../../steps/program";
import { readProgram, secretsOf } from "./program";
import { redact, type Registration, reveal } from "./record";
import { sampleFile } from "./samples";

/** Texts stand as they are, however long their lines. */
export const yaml = (value: unknown) => stringify(value, { lineWidth: 0, blockQuote: "literal" });

type Values = Readonly<Record<string, unknown>>;

/** What the resources of a node, or of the cluster as a whole, carry: path -> text. */
export function partsOf(
  mine: readonly Registration[],
  node: Identity | undefined,
  sample: string,
): Map<string, string> {
  const parts = new Map<string, string>();
  const ofFile = readFileSync(sampleFile(sample), "utf8");
  const shown = (text: string) =>
    programs.get(text) ?? withoutProgram(withoutDigests(text, ofFile));

  const steps = mine.filter(isStep).map((step) => {
    const { variables, texts, files, undo } = readProgram(step.program);
    const secrets = secretsOf(reveal(step.inputs.stdin) as string);
    const secret = Object.keys(texts).filter((key) => secrets.has(key));
    const name = anonymous(step.name, node);
    for (const [file, text] of Object.entries(files))
      parts.set(`${name}${withoutIdentity(file.split(" ")[0] ?? "", node)}`, shown(text));
    const values: Values = {
      ...inputsOf(step),
      ...(undo === undefined ? {} : { undo }),
      ...mapValues({ ...variables, ...texts }, shown),
      ...(secret.length > 0 ? { secret: secret.join(" ") } : {}),
    };
    const rights = Object.keys(files).map((file) => {
      const [path = "", mode = "", owner = ""] = file.split(" ");
      return [path, `${mode} ${owner}${secrets.has(path) ? " secret" : ""}`] as const;
    });
    return { name, values, files: Object.fromEntries(rights) };
  });
  const everyStep = common(steps.map(({ values }) => values));
  if (steps.length > 0) parts.set("steps.yaml", yaml(everyStep));
  for (const { name, values, files } of steps) {
    const own = difference(values, everyStep);
    const listed = Object.keys(files).length > 0 ? { files } : {};
    parts.set(`${name}/step.yaml`, yaml({ ...own, ...listed }));
  }
  for (const { name, type, inputs } of mine.filter((r) => !isStep(r))) {
    if (Object.keys(inputs).length === 0) continue;
    const kind = type.split(":").at(-1);
    const folder = type.startsWith("kubernetes:") ? "objects" : "resources";
    parts.set(`${folder}/${anonymous(name, node)}.${kind}.yaml`, yaml(redact(inputs)));
  }
  return parts;
}

const isStep = ({ type }: Registration) => type === "command:remote:Command";

/** A resource's name without the node's: `ceph-store-01-osd-sda` -> `ceph-osd`. */
const anonymous = (name: string, node: Identity | undefined) =>
  withoutIdentity(name, node).replaceAll(/-<\w+>|<\w+>-/g, "");

/** A step's inputs but for its program, flat: `connection.host` -> text. The private key is the operator's own. */
function inputsOf({ inputs }: Registration): Values {
  const flat = (value: unknown, at: string): [string, unknown][] =>
    value !== null && typeof value === "object"
      ? Object.entries(value)
          .sort()
          .flatMap(([key, inner]) => flat(inner, at === "" ? key : `${at}.${key}`))
      : [[at, at.endsWith("privateKey") ? "[secret]" : value]];
  const stdin = isRpcSecret(inputs.stdin) ? "secret" : "shown";
  return Object.fromEntries(flat(reveal({ ...inputs, stdin }), ""));
}

const mapValues = (
  texts: Readonly<Record<string, string>>,
  change: (text: string) => string,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, change(text)]));

/** What most of some records say alike. */
function common(records: readonly Values[]): Values {
  const keys = [...new Set(records.flatMap((record) => Object.keys(record)))];
  return Object.fromEntries(
    keys.flatMap((key) => {
      const values = records.map((record) => record[key]).filter((value) => value !== undefined);
      const isMost = (value: unknown) =>
        values.filter((other) => other === value).length > records.length / 2;
      const most = values.find(isMost);
      return most === undefined ? [] : [[key, most]];
    }),
  );
}

/** What a record says otherwise than `others`; what they say and it does not is null. */
function difference(record: Values, others: Values): Values {
  const said = Object.entries(record).filter(([key, value]) => others[key] !== value);
  const unsaid = Object.keys(others).filter((key) => !(key in record));
  return { ...Object.fromEntries(said), ...Object.fromEntries(unsaid.map((key) => [key, null])) };
}

/** Programs that steps carry as they lie below `steps/`: text -> its name there. */
const programs = new Map([...sources.keys()].map((name) => [part(name).text, `[${name}]\n`]));

/** Digests of scripts and of other files change with each of them, and tell a reader nothing; those of the cluster's file do. */
function withoutDigests(text: string, ofFile: string): string {
  return text.replace(/\b[0-9a-f]{32,}\b/g, (digest) =>
    ofFile.includes(digest) ? digest : "[digest]",
  );
}

/** Of a script that stays on the node what is set at its beginning: the rest stands where it is written. */
function withoutProgram(text: string): string {
  const start = /^#!.*\n(?:\w+='(?:[^']|'\\'')*'\n)*/.exec(text)?.[0];
  return start === undefined ? text : `${start}[program]\n`;
}
