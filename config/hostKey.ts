const curves = ["nistp256", "nistp384", "nistp521"];

/** Of keys that can be pinned. */
export const algorithms = ["ssh-ed25519", ...curves.map((curve) => `ecdsa-sha2-${curve}`)];
const remedy =
  "give the line of the node's /etc/ssh/ssh_host_ed25519_key.pub (ssh-ed25519 AAAA...), or of its ecdsa key";

/**
 * What is wrong with an SSH host key and what to do, or nothing.
 * @param text the line of the server's `.pub` file, or one or more lines as ssh-keyscan and known_hosts have them
 */
export function hostKeyProblem(text: string): string | undefined {
  if (text.includes("PRIVATE KEY")) return `is a private key, which belongs in no file; ${remedy}`;
  const marker = linesOf(text).find((line) => line.startsWith("@"));
  if (marker !== undefined) {
    const what = marker.startsWith("@revoked") ? "a revoked key" : "an authority's key";
    return `is ${what}, not the node's own; ${remedy}`;
  }
  const { algorithm, blob } = chosen(text);
  if (algorithm === "ssh-rsa" || algorithm.startsWith("rsa-sha2-")) {
    // Pinning a key offers only that key's own type, and golang.org/x/crypto/ssh knows `ssh-rsa` as SHA-1 signatures.
    return `is an RSA key: the SSH library offers SHA-1 signatures for it, which current servers refuse; ${remedy}`;
  }
  if (!algorithms.includes(algorithm)) return `is not an ed25519 or ecdsa host key; ${remedy}`;
  if (!isKeyOf(algorithm, blob)) return `is damaged or cut short; ${remedy}`;
  const others = keysOf(text).filter((key) => key.algorithm === algorithm && key.blob !== blob);
  return others.length === 0
    ? undefined
    : `holds ${others.length + 1} ${algorithm} keys, and a machine has one; ${remedy}`;
}

/** The key alone, without host names before it and a comment behind: algorithm and base64. */
export function normalizeHostKey(text: string): string {
  const { algorithm, blob } = chosen(text);
  return `${algorithm} ${blob}`;
}

interface Key {
  readonly algorithm: string;
  readonly blob: string;
}

const linesOf = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));

/** known_hosts has host names before the key: `10.0.0.11 ssh-ed25519 AAAA...`, `[10.0.0.11]:2222,node-1 ssh-ed25519 AAAA...`. */
function keysOf(text: string): Key[] {
  return linesOf(text).map((line) => {
    const words = line.split(/\s+/);
    const [algorithm = "", blob = ""] = isAlgorithm(words[1]) ? words.slice(1) : words;
    return { algorithm, blob };
  });
}

const isAlgorithm = (word = "") => /^(ssh|ecdsa-sha2|rsa-sha2|sk-ssh|sk-ecdsa-sha2)-/.test(word);

/** Of several keys of a server the one that can be pinned, ed25519 before ecdsa; where none can, the first. */
function chosen(text: string): Key {
  const keys = keysOf(text);
  const [best] = algorithms.flatMap((name) => keys.filter(({ algorithm }) => algorithm === name));
  return best ?? keys[0] ?? { algorithm: "", blob: "" };
}

/** Whether the base64 text holds one whole key of this algorithm (RFC 4253 6.6: length-prefixed fields). */
function isKeyOf(algorithm: string, blob: string): boolean {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(blob)) return false;
  const bytes = Buffer.from(blob, "base64");
  const fields: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    if (at + 4 > bytes.length) return false;
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return false;
    fields.push(bytes.subarray(at + 4, end));
    at = end;
  }
  if (fields[0]?.toString() !== algorithm) return false;
  if (algorithm === "ssh-ed25519") return fields.length === 2 && fields[1]?.length === 32;
  return fields.length === 3 && `ecdsa-sha2-${fields[1]?.toString()}` === algorithm;
}
