import { z } from "zod";
import { checked } from "../fields";
import { flagValue } from "../kubernetesFields";
import { kubeletFields as owned } from "../owned";
import { refuseKeys } from "../schemaTree";
import { fields } from "./fields";

const durationPattern = /^([+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$|^0$/;
const quantityPattern = /^[+-]?(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/;

const kinds = {
  string: z.string(),
  boolean: z.boolean(),
  integer: z.number().int(),
  number: z.number(),
  duration: z.string().regex(durationPattern, "is not a duration; give one such as 30s or 1h30m"),
  quantity: z.string().regex(quantityPattern, "is not a quantity; give one such as 500m or 1Gi"),
} as const;

type Kind = keyof typeof kinds;

/** The mapping whose fields are these: paths below it, each with the kind of its value. */
function mapping(entries: readonly (readonly [path: string, kind: Kind])[]): z.ZodType {
  const below = new Map<string, (readonly [string, Kind])[]>();
  for (const [path, kind] of entries) {
    const [, key = "", rest = ""] = /^(\w+(?:\[\]|\{\})*)\.?(.*)$/.exec(path) ?? [];
    below.set(key, [...(below.get(key) ?? []), [rest, kind]]);
  }
  const shape = [...below].map(([key, inner]) => {
    const [, name = "", around = ""] = /^(\w+)(.*)$/.exec(key) ?? [];
    const [[path, kind] = ["", "string"] as const] = inner;
    const value = path === "" ? kinds[kind].describe("Value.") : mapping(inner);
    return [name, surrounded(value, around).optional().describe("Value of the field.")] as const;
  });
  return z.strictObject(Object.fromEntries(shape)).describe("Mapping.");
}

/** @param around outermost first: `{}[]` is a mapping of lists */
function surrounded(value: z.ZodType, around: string): z.ZodType {
  if (around === "") return value;
  const inner = surrounded(value, around.slice(2)).describe("Value.");
  return around.startsWith("{}") ? z.record(z.string(), inner) : z.array(inner);
}

const isOwned = (path: string) => owned.some((field) => new RegExp(`^${field}\\b`).test(path));

/** What of KubeletConfiguration the file may set. */
const configuration = (
  mapping(Object.entries(fields).filter(([path]) => !isOwned(path))) as z.ZodObject<
    Record<string, z.ZodType>
  >
).meta({ id: "KubeletConfiguration" });

refuseKeys(configuration, owned, "is a field Groundwork sets by itself; remove it");

/** Flags of the kubelet for which KubeletConfiguration has no field, but for those Groundwork works by. */
export const kubeletFlags: readonly string[] = [
  "image-credential-provider-bin-dir",
  "image-credential-provider-config",
  "runtime-cgroups",
];

const flag = checked((name) => {
  if (kubeletFlags.includes(name)) return undefined;
  const words = name.replace(/^-+/, "").split("-");
  const field = words.map((word, i) => (i === 0 ? word : capital(word))).join("");
  const meant = Object.keys(fields).find(
    (path) => path.replace(/\W.*/, "").toLowerCase() === field.toLowerCase(),
  );
  if (meant !== undefined)
    return `is a flag that has a field; give ${meant.replace(/\W.*/, "")} in config`;
  if (field === "nodeLabels") return "is given by the field labels of a node or a group";
  return `is not a flag that may be given here; remove it, or use one of ${kubeletFlags.join(", ")}`;
});

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

/**
 * Settings of kubelets: of all, of a group's, or of one.
 * @param whose in the words of the reference
 */
export const kubelet = (whose: string, of: string) =>
  z
    .strictObject({
      config: configuration
        .default({})
        .describe(`Fields of KubeletConfiguration for ${whose}, such as maxPods: 200.`),
      extra_args: z
        .record(flag, flagValue)
        .default({})
        .describe(
          `Flags of the kubelet for ${whose}, of those that have no field: ${kubeletFlags.join(", ")}.`,
        ),
    })
    .prefault({})
    .describe(of);
