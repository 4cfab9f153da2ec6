import { createPrivateKey, createPublicKey, type KeyExportOptions, type KeyObject } from "crypto";

/** The provider's names of algorithms and curves. */
export type Algorithm = "RSA" | "ECDSA" | "ED25519";
export type Curve = "P224" | "P256" | "P384" | "P521";

/** OpenSSL's names. */
export const curves: Readonly<Record<Curve, string>> = {
  P224: "secp224r1",
  P256: "prime256v1",
  P384: "secp384r1",
  P521: "secp521r1",
};

const algorithms: Readonly<Record<string, Algorithm>> = {
  rsa: "RSA",
  ec: "ECDSA",
  ed25519: "ED25519",
};

export interface ParsedKey {
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  readonly algorithm: Algorithm;
  /** Of an ECDSA key only. */
  readonly curve: Curve | undefined;
}

/** Reads a private key in PEM. `name` is the input it came from: the key itself never shows in an error. */
export function parsePrivateKey(pem: unknown, name: string): ParsedKey {
  if (typeof pem !== "string") throw new Error(`'${name}' is missing`);
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new Error(`'${name}' is not a private key in PEM`);
  }
  try {
    return describeKey(key);
  } catch (error) {
    throw new Error(`'${name}': ${(error as Error).message}`);
  }
}

export function describeKey(key: KeyObject): ParsedKey {
  const algorithm = algorithms[key.asymmetricKeyType ?? ""];
  if (!algorithm) throw new Error(`keys of type ${key.asymmetricKeyType} are not supported`);
  return { key, publicKey: createPublicKey(key), algorithm, curve: curveOf(key) };
}

function curveOf(key: KeyObject): Curve | undefined {
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  return (Object.keys(curves) as Curve[]).find((curve) => curves[curve] === namedCurve);
}

export function pemOf(key: KeyObject, type: "sec1" | "pkcs1" | "pkcs8" | "spki"): string {
  // Which types a key allows depends on what it is, which the declarations cannot know.
  const options = { format: "pem", type } as KeyExportOptions<"pem">;
  return String(key.export(options));
}
