import type { Path } from "../config/issues";
import { standIn } from "../config/standIn";

/** Where the value of another resource may stand; `*` is any entry of a list. */
export const places = [
  "nodes.*.ip",
  "nodes.*.host_key",
  "nodes.*.ssh.host",
  "nodes.*.ssh.port",
  "nodes.*.ssh.private_key",
  "cluster.ssh.private_key",
  "cluster.ssh.bastion.host",
  "cluster.ssh.bastion.port",
  "cluster.ssh.bastion.host_key",
  "cluster.ssh.bastion.private_key",
] as const;

export type Place = (typeof places)[number];

/** Which of these places a path is. */
export function placeOf(path: Path): Place | undefined {
  const pattern = path.map((part) => (typeof part === "number" ? "*" : part)).join(".");
  return places.find((place) => place === pattern);
}

/** Whether the place is a private key's, which the file has no field for. */
export const isPrivateKey = (path: Path): boolean => path.at(-1) === "private_key";

/** Whether the place says where a node answers to SSH. */
export const isDialled = (path: Path): boolean =>
  ["nodes.*.ssh.host", "nodes.*.ssh.port"].some((place) => place === placeOf(path));

/** The field of the file in which the value stands, or its stand-in. */
export const fileField = (path: Path): Path =>
  isPrivateKey(path) ? [...path.slice(0, -1), "private_key_file"] : path;

/** Something valid, where a value is not known yet. */
export function sampleAt(path: Path): string | number {
  switch (path.at(-1)) {
    case "host_key":
      return `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`;
    case "port":
      return 22;
    case "private_key":
      return standIn(0);
    default:
      return "10.0.0.1";
  }
}
