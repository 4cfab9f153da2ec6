import { randomBytes } from "crypto";
import type { ParsedKey } from "./keys";

/** OpenSSH has no keys on P-224. */
const sshCurves: Readonly<Record<string, string>> = {
  P256: "nistp256",
  P384: "nistp384",
  P521: "nistp521",
};

/** A public key's fields in the wire format of RFC 4253 and 5656, the name of its type first; undefined for P-224. */
export function sshPublicFields(parsed: ParsedKey): Buffer[] | undefined {
  const curve = sshCurves[parsed.curve ?? ""];
  if (parsed.algorithm === "ECDSA" && !curve) return undefined;
  const jwk = parsed.publicKey.export({ format: "jwk" });
  switch (parsed.algorithm) {
    case "RSA":
      return [text("ssh-rsa"), integer(jwk.e), integer(jwk.n)];
    case "ED25519":
      return [text("ssh-ed25519"), string(bytes(jwk.x))];
    case "ECDSA": {
      const point = Buffer.concat([Buffer.from([4]), bytes(jwk.x), bytes(jwk.y)]);
      return [text(`ecdsa-sha2-${curve}`), text(String(curve)), string(point)];
    }
  }
}

/** The private key, unencrypted, as OpenSSH's own format (PROTOCOL.key); empty for P-224. */
export function opensshPrivateKey(parsed: ParsedKey): string {
  const publicFields = sshPublicFields(parsed);
  if (!publicFields) return "";
  const check = randomBytes(4);
  const comment = text("");
  const secret = Buffer.concat([check, check, ...privateFields(parsed, publicFields), comment]);
  const padding = Buffer.from(
    Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, i) => i + 1),
  );
  const blob = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    text("none"),
    text("none"),
    text(""),
    uint32(1),
    string(Buffer.concat(publicFields)),
    string(Buffer.concat([secret, padding])),
  ]);
  const lines = blob.toString("base64").match(/.{1,64}/g) ?? [];
  return [
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    ...lines,
    "-----END OPENSSH PRIVATE KEY-----",
    "",
  ].join("\n");
}

function privateFields(parsed: ParsedKey, publicFields: readonly Buffer[]): Buffer[] {
  const jwk = parsed.key.export({ format: "jwk" });
  switch (parsed.algorithm) {
    case "RSA":
      return [
        text("ssh-rsa"),
        ...[jwk.n, jwk.e, jwk.d, jwk.qi, jwk.p, jwk.q].map((number) => integer(number)),
      ];
    case "ED25519":
      return [...publicFields, string(Buffer.concat([bytes(jwk.d), bytes(jwk.x)]))];
    case "ECDSA":
      return [...publicFields, integer(jwk.d)];
  }
}

function bytes(base64url: string | undefined): Buffer {
  return Buffer.from(base64url ?? "", "base64url");
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
}

function string(value: Buffer): Buffer {
  return Buffer.concat([uint32(value.length), value]);
}

function text(value: string): Buffer {
  return string(Buffer.from(value));
}

/** A positive integer: no superfluous zeros, but one where the first bit would make it negative. */
function integer(base64url: string | undefined): Buffer {
  const value = bytes(base64url);
  const start = value.findIndex((byte) => byte !== 0);
  const digits = value.subarray(start < 0 ? value.length : start);
  const isNegative = (digits[0] ?? 0) >= 0x80;
  return string(isNegative ? Buffer.concat([Buffer.from([0]), digits]) : digits);
}
