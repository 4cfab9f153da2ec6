const curves = ["nistp256", "nistp384", "nistp521"];

/** Of keys that can be pinned. */
export const algorithms = ["ssh-ed25519", ...curves.map((curve) => `ecdsa-sha2-${curve}`)];
const remedy =
  "give the line of the node's /etc/ssh/ssh_host_ed25519_key.pub (ssh-ed25519 AAAA...), or of its ecdsa key";

/** What is wrong with an SSH host key line and what to do, or nothing. */
export function hostKeyProblem(line: string): string | undefined {
  const [algorithm = "", blob = ""] = line.trim().split(/\s+/);
  if (algorithm === "ssh-rsa" || algorithm.startsWith("rsa-sha2-")) {
    // Pinning a key offers only that key's own type, and golang.org/x/crypto/ssh knows `ssh-rsa` as SHA-1 signatures.
    return `is an RSA key: the SSH library offers SHA-1 signatures for it, which current servers refuse; ${remedy}`;
  }
  if (line.includes("PRIVATE KEY")) return `is a private key, which belongs in no file; ${remedy}`;
  if (!algorithms.includes(algorithm)) return `is not an ed25519 or ecdsa host key; ${remedy}`;
  return isKeyOf(algorithm, blob) ? undefined : `is damaged or cut short; ${remedy}`;
}

/** The key without comment: algorithm and base64. */
export function normalizeHostKey(line: string): string {
  return line.trim().split(/\s+/).slice(0, 2).join(" ");
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
