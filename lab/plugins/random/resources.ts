import { randomBytes, randomUUID } from "crypto";
import { hash } from "bcryptjs";
import type { CheckFailure, Checked, Resource } from "../shared/resource";
import { hasUnknown, type Properties, textOf } from "../shared/values";
import { characterDefaults, randomCharacters } from "./characters";

/** All of them are made once and for all: any changed input, `keepers` above all, makes a new one. */
const resources: Readonly<Record<string, Resource>> = {
  "random:index/randomBytes:RandomBytes": {
    computed: ["base64", "hex"],
    secrets: ["base64", "hex"],
    check: (inputs) => withCount(inputs, "length"),
    create: (inputs) => {
      const bytes = randomBytes(Number(inputs.length));
      const base64 = bytes.toString("base64");
      return { id: "none", outputs: { ...inputs, base64, hex: bytes.toString("hex") } };
    },
  },
  "random:index/randomId:RandomId": {
    computed: ["b64Std", "b64Url", "dec", "hex"],
    check: (inputs) => withCount(inputs, "byteLength"),
    create: (inputs) => {
      const bytes = randomBytes(Number(inputs.byteLength));
      const prefix = textOf(inputs.prefix);
      const b64Url = bytes.toString("base64url");
      const hex = bytes.toString("hex");
      return {
        id: b64Url,
        outputs: {
          ...inputs,
          b64Std: prefix + bytes.toString("base64"),
          b64Url: prefix + b64Url,
          dec: `${prefix}${BigInt(`0x${hex}`)}`,
          hex: prefix + hex,
        },
      };
    },
  },
  "random:index/randomPassword:RandomPassword": {
    computed: ["bcryptHash", "result"],
    secrets: ["bcryptHash", "result"],
    complete: characterDefaults,
    check: (inputs) => withCount(inputs, "length"),
    create: async (inputs) => {
      const result = randomCharacters(inputs);
      return { id: "none", outputs: { ...inputs, result, bcryptHash: await hash(result, 10) } };
    },
  },
  "random:index/randomString:RandomString": {
    computed: ["result"],
    complete: characterDefaults,
    check: (inputs) => withCount(inputs, "length"),
    create: (inputs) => {
      const result = randomCharacters(inputs);
      return { id: result, outputs: { ...inputs, result } };
    },
  },
  "random:index/randomUuid:RandomUuid": {
    computed: ["result"],
    create: (inputs) => {
      const result = randomUUID();
      return { id: result, outputs: { ...inputs, result } };
    },
  },
};

export function randomResource(type: string): Resource | undefined {
  return resources[type];
}

/** Checks that the input `name` is a positive whole number. */
function withCount(inputs: Properties, name: string): Checked {
  const count = inputs[name] ?? null;
  const failures: CheckFailure[] =
    hasUnknown(count) || (Number.isInteger(count) && Number(count) > 0)
      ? []
      : [{ property: name, reason: `is ${JSON.stringify(count)}, must be a whole number above 0` }];
  return { inputs, failures };
}
