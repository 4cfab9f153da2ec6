import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** A value in DER: what no tool writes must be written by hand. */
export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const size = body.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

export const sequence = (...parts: readonly Buffer[]) => der(0x30, ...parts);
export const set = (...parts: readonly Buffer[]) =>
  der(0x31, ...[...parts].sort((a, b) => Buffer.compare(a, b)));
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"));

/** Tags of the strings that a subject may be made of. */
export const strings = { utf8: 0x0c, printable: 0x13, teletex: 0x14, ia5: 0x16, universal: 0x1c };
const part = (type: string) => (text: string, tag: number) =>
  sequence(oid(type), der(tag, Buffer.from(text)));
export const organization = part("55040a");
export const unit = part("55040b");
export const commonName = part("550403");

/** The subject of worker-01, with strings of a type. */
export const subject = (tag = strings.utf8) =>
  sequence(set(organization("system:nodes", tag)), set(commonName("system:node:worker-01", tag)));

export const dns = (name: string) => der(0x82, Buffer.from(name));
export const address = (ip: string) => der(0x87, Buffer.from(ip.split(".").map(Number)));
export const ownNames = [dns("worker-01"), address("10.0.0.21")];

const critical = der(0x01, Buffer.from([0xff]));
const extension = (type: string, value: Buffer, ...flags: readonly Buffer[]) =>
  sequence(oid(type), ...flags, der(0x04, value));
export const alternativeNames = (...names: readonly Buffer[]) =>
  extension("551d11", sequence(...names));
export const criticalNames = (...names: readonly Buffer[]) =>
  extension("551d11", sequence(...names), critical);
/** Says that the certificate may sign others. */
export const authority = extension("551d13", sequence(critical));

export const extensionRequest = (...extensions: readonly Buffer[]) =>
  sequence(oid("2a864886f70d01090e"), set(sequence(...extensions)));
/** The same of another time: Microsoft's, which openssl takes for the same. */
export const microsoftRequest = (...extensions: readonly Buffer[]) =>
  sequence(oid("2b06010401823702010e"), set(sequence(...extensions)));
export const challengePassword = sequence(
  oid("2a864886f70d010907"),
  set(der(0x0c, Buffer.from("secret"))),
);

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));
const version1 = Buffer.from("020100", "hex");

/** The keys of all forgers. */
export const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
const publicKey = keys.publicKey.export({ type: "spki", format: "der" });

/** The part of a request that is signed. */
export function info(
  who = subject(),
  attributes: readonly Buffer[] = [extensionRequest(alternativeNames(...ownNames))],
  key: Buffer = publicKey,
): Buffer {
  return sequence(version1, who, key, der(0xa0, ...attributes));
}

/** A request whose signature is right, whatever is signed. */
export function signed(
  body: Buffer,
  key: KeyObject = keys.privateKey,
  algorithm: Buffer = ecdsaWithSha256,
  hash: string | null = "sha256",
): Buffer {
  const signature = Buffer.concat([Buffer.from([0]), sign(hash, body, key)]);
  return sequence(body, algorithm, der(0x03, signature));
}

/** A request of worker-01 with a key of another kind, signed with it. */
export const withKey = {
  "ECDSA P-384": () => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
    const key = publicKey.export({ type: "spki", format: "der" });
    return signed(info(undefined, undefined, key), privateKey);
  },
  RSA: () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const key = publicKey.export({ type: "spki", format: "der" });
    const algorithm = sequence(oid("2a864886f70d01010b"), Buffer.from("0500", "hex"));
    return signed(info(undefined, undefined, key), privateKey, algorithm);
  },
  Ed25519: () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const key = publicKey.export({ type: "spki", format: "der" });
    return signed(info(undefined, undefined, key), privateKey, sequence(oid("2b6570")), null);
  },
};

export function pem(body: Buffer, label = "CERTIFICATE REQUEST", end = "\n"): string {
  const lines = body.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join(end);
}

/** What worker-01 may ask for. */
export const good = pem(signed(info()));
/** What nobody may ask for. */
export const evil = pem(
  signed(
    info(subject(), [
      extensionRequest(alternativeNames(dns("kubernetes.default.svc"), address("127.0.0.1"))),
    ]),
  ),
);

/** A PEM block with a byte behind each letter of its first line: bash drops NULs, and Go skips the block. */
export function riddled(block: string, byte: string): string {
  const [, line = ""] = block.split("\n");
  return block.replace(line, line.replace(/./g, `$&${byte}`));
}

const comment = (text: string) =>
  extension("6086480186f842010d", der(strings.ia5, Buffer.from(text)));

/**
 * A request in which Kubernetes sees the names of the API server: it reads the second list of extensions, too. openssl
 * prints the first alone, with a comment that looks like the names of worker-01.
 */
export const twoLists = pem(
  signed(
    info(subject(), [
      extensionRequest(comment("Subject Alternative Name\nDNS:worker-01")),
      extensionRequest(alternativeNames(dns("kubernetes.default.svc"), address("127.0.0.1"))),
    ]),
  ),
);
