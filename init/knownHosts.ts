import { createHmac } from "node:crypto";
import type { Login } from "./machine";

type Place = Pick<Login, "host" | "port">;

/** How ssh calls a machine at its port. */
export const knownAs = ({ host, port }: Place) => (port === 22 ? host : `[${host}]:${port}`);

/** What a known_hosts file of OpenSSH says of a machine's key: nothing, that it is this one, or that it is another. */
export function judgeKnown(
  knownHosts: string,
  place: Place,
  hostKey: string,
): "unknown" | "known" | "another" {
  const name = knownAs(place);
  const [algorithm] = hostKey.split(" ");
  const keys = knownHosts
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([names = ""]) => names.split(",").some((one) => isName(one, name)))
    .map(([, type, blob]) => `${type} ${blob}`);
  if (keys.includes(hostKey)) return "known";
  return keys.some((key) => key.startsWith(`${algorithm} `)) ? "another" : "unknown";
}

/** Names may be kept as a hash: `|1|SALT|HMAC`. */
function isName(entry: string, name: string): boolean {
  const [, kind, salt = "", sum] = entry.split("|");
  if (kind !== "1") return entry === name;
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === sum;
}
