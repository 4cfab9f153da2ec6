import { createHash } from "crypto";
import type { Properties } from "../shared/values";
import { type ParsedKey, parsePrivateKey, pemOf } from "./keys";
import { sshPublicFields } from "./openssh";

/** Outputs that describe a public key. Those for OpenSSH are empty for a key it does not know. */
export function publicKeyProperties(parsed: ParsedKey): Properties {
  const fields = sshPublicFields(parsed);
  const blob = fields && Buffer.concat(fields);
  const digest = (algorithm: string) => blob && createHash(algorithm).update(blob).digest();
  const name = fields?.[0]?.subarray(4).toString();
  return {
    publicKeyPem: pemOf(parsed.publicKey, "spki"),
    publicKeyOpenssh: blob ? `${name} ${blob.toString("base64")}\n` : "",
    publicKeyFingerprintMd5: digest("md5")?.toString("hex").match(/../g)?.join(":") ?? "",
    publicKeyFingerprintSha256: blob
      ? `SHA256:${digest("sha256")?.toString("base64").replace(/=+$/, "")}`
      : "",
  };
}

/** What the function `getPublicKey` answers. */
export function publicKeyOutputs(privateKeyPem: string): Properties {
  const parsed = parsePrivateKey(privateKeyPem, "privateKeyPem");
  const id = createHash("sha1").update(pemOf(parsed.publicKey, "spki")).digest("hex");
  return { id, privateKeyPem, algorithm: parsed.algorithm, ...publicKeyProperties(parsed) };
}
