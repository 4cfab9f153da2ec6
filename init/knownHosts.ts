import { isNamed, knownAs } from "../config/sshConfig";
import type { Login } from "./machine";

type Place = Pick<Login, "host" | "port">;

/**
 * What a known_hosts file of OpenSSH says of a machine's key: nothing, that it is this one, or that it is another. A key of
 * another kind than those it has is another: who stands between shows the kind that nobody knows.
 */
export function judgeKnown(
  knownHosts: string,
  place: Place,
  hostKey: string,
): "unknown" | "known" | "another" {
  const name = knownAs(place);
  const lines = knownHosts.split("\n").map((line) => line.trim().split(/\s+/));
  const keysOf = (all: readonly string[][]) =>
    all.filter(([names = ""]) => isNamed(names, name)).map(([, type, blob]) => `${type} ${blob}`);
  const revoked = lines.filter(([marker]) => marker === "@revoked").map(([, ...line]) => line);
  if (keysOf(revoked).includes(hostKey)) return "another";
  const keys = keysOf(lines.filter(([first = ""]) => !/^[@#]/.test(first)));
  if (keys.includes(hostKey)) return "known";
  return keys.length > 0 ? "another" : "unknown";
}
