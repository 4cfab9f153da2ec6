import * as x509 from "@peculiar/x509";
import { webcrypto } from "crypto";
import { isIP } from "net";
import type { Properties } from "../shared/values";
import { type ParsedKey, pemOf } from "./keys";
import { extendedKeyUsages, keyUsages } from "./usages";

x509.cryptoProvider.set(webcrypto as Crypto);

/** A key pair in the form the library signs with, and the algorithm of its signatures. */
export interface Signer {
  readonly keys: CryptoKeyPair;
  readonly algorithm: EcdsaParams | Algorithm;
}

export async function signerOf(parsed: ParsedKey): Promise<Signer> {
  const { key, publicKey } = parsed;
  const algorithm = signatureOf(parsed);
  const importKey = (format: "pkcs8" | "spki", pem: string, usage: KeyUsage) =>
    webcrypto.subtle.importKey(format, derOf(pem), algorithm, true, [usage]);
  return {
    algorithm,
    keys: {
      privateKey: await importKey("pkcs8", pemOf(key, "pkcs8"), "sign"),
      publicKey: await importKey("spki", pemOf(publicKey, "spki"), "verify"),
    },
  };
}

/** Go's choice for each kind of key. */
function signatureOf({ algorithm, curve }: ParsedKey) {
  if (algorithm === "RSA") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  if (algorithm === "ED25519") return { name: "Ed25519" };
  switch (curve) {
    case "P256":
      return { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    case "P384":
      return { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" };
    case "P521":
      return { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" };
    default:
      throw new Error(
        "the lab's stand-in for the Pulumi provider 'tls' signs nothing with keys on the curve P224; " +
          "set ecdsaCurve to P256",
      );
  }
}

export function derOf(pem: string): ArrayBuffer {
  return x509.PemConverter.decodeFirst(pem);
}

/** Names of the inputs dnsNames, ipAddresses and uris, as an extension; undefined if there are none. */
export function alternativeNames(inputs: Properties): x509.Extension | undefined {
  const list = (name: string) => (Array.isArray(inputs[name]) ? inputs[name].map(String) : []);
  const addresses = list("ipAddresses");
  const wrong = addresses.find((address) => isIP(address) === 0);
  if (wrong !== undefined) throw new Error(`ipAddresses holds '${wrong}', which is no IP address`);
  const names: x509.JsonGeneralName[] = [
    ...list("dnsNames").map((value) => ({ type: "dns" as const, value })),
    ...addresses.map((value) => ({ type: "ip" as const, value })),
    ...list("uris").map((value) => ({ type: "url" as const, value })),
  ];
  return names.length > 0 ? new x509.SubjectAlternativeNameExtension(names) : undefined;
}

/** Extensions for the input allowedUses. */
export function usageExtensions(allowedUses: readonly string[]): x509.Extension[] {
  const flags = allowedUses.reduce((sum, use) => sum | (keyUsages[use] ?? 0), 0);
  const extended = allowedUses.flatMap((use) => extendedKeyUsages[use] ?? []);
  return [
    ...(flags ? [new x509.KeyUsagesExtension(flags, true)] : []),
    ...(extended.length > 0 ? [new x509.ExtendedKeyUsageExtension(extended)] : []),
  ];
}

/** PEM ends with a newline, as that of Go's library does. */
export function toPem(object: x509.X509Certificate | x509.Pkcs10CertificateRequest): string {
  return `${object.toString("pem").trimEnd()}\n`;
}
