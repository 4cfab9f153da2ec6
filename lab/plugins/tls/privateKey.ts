import { createHash, generateKeyPair, type KeyObject } from "crypto";
import { promisify } from "util";
import type { Checked, Resource } from "../shared/resource";
import { hasUnknown, type Properties, textOf } from "../shared/values";
import { type Curve, curves, describeKey, pemOf } from "./keys";
import { opensshPrivateKey } from "./openssh";
import { publicKeyProperties } from "./publicKey";

const generate = promisify(generateKeyPair);

/** The defaults are upstream's, P-224 among them, which hardly anything understands. */
const defaults = { ecdsaCurve: "P224", rsaBits: 2048 };

/** `tls.PrivateKey`. Any changed input makes a new key. */
export const privateKey: Resource = {
  computed: [
    "privateKeyOpenssh",
    "privateKeyPem",
    "privateKeyPemPkcs8",
    "publicKeyFingerprintMd5",
    "publicKeyFingerprintSha256",
    "publicKeyOpenssh",
    "publicKeyPem",
  ],
  secrets: ["privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"],

  check(inputs): Checked {
    const fault = (property: string, allowed: readonly string[]) =>
      hasUnknown(inputs[property] ?? null) || allowed.includes(textOf(inputs[property]))
        ? []
        : [
            {
              property,
              reason: `is '${textOf(inputs[property])}', must be ${allowed.join(" or ")}`,
            },
          ];
    return {
      inputs,
      failures: [
        ...fault("algorithm", ["RSA", "ECDSA", "ED25519"]),
        ...("ecdsaCurve" in inputs ? fault("ecdsaCurve", Object.keys(curves)) : []),
      ],
    };
  },

  complete: (inputs) => ({ ...defaults, ...inputs }),

  async create(inputs) {
    const parsed = describeKey(await generateKey(inputs));
    const ownFormat = { RSA: "pkcs1", ECDSA: "sec1", ED25519: "pkcs8" } as const;
    const outputs: Properties = {
      ...inputs,
      ...publicKeyProperties(parsed),
      privateKeyPem: pemOf(parsed.key, ownFormat[parsed.algorithm]),
      privateKeyPemPkcs8: pemOf(parsed.key, "pkcs8"),
      privateKeyOpenssh: opensshPrivateKey(parsed),
    };
    const id = createHash("sha1").update(textOf(outputs.publicKeyPem)).digest("hex");
    return { id, outputs };
  },
};

async function generateKey({ algorithm, ecdsaCurve, rsaBits }: Properties): Promise<KeyObject> {
  switch (algorithm) {
    case "RSA":
      return (await generate("rsa", { modulusLength: Number(rsaBits) })).privateKey;
    case "ECDSA":
      return (await generate("ec", { namedCurve: curves[ecdsaCurve as Curve] })).privateKey;
    default:
      return (await generate("ed25519", {})).privateKey;
  }
}
