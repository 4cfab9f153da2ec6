import type { Path } from "../config/issues";
import { keyProblem, passwordProblem } from "../config/privateKey";
import { standIn } from "../config/standIn";

/** Where the value of another resource may stand; `*` is any entry of a list. */
export const places = [
  "nodes.*.ip",
  "nodes.*.host_key",
  "nodes.*.ssh.host",
  "nodes.*.ssh.port",
  "nodes.*.ssh.private_key",
  "nodes.*.ssh.sudo_password",
  "nodes.*.ssh.bastion.host",
  "nodes.*.ssh.bastion.port",
  "nodes.*.ssh.bastion.host_key",
  "nodes.*.ssh.bastion.private_key",
  "cluster.ssh.private_key",
  "cluster.ssh.sudo_password",
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

/** Whether the place is a secret's, of which the file names another file: what judges it. */
export const secretAt = (path: Path): ((text: string) => string | undefined) | undefined =>
  secrets[path.at(-1) ?? ""];

const secrets: Readonly<Record<string | number, (text: string) => string | undefined>> = {
  private_key: (text) => keyProblem(text),
  sudo_password: (text) => passwordProblem(text),
};

/** Whether the place says where a node answers to SSH. */
export const isDialled = (path: Path): boolean =>
  ["nodes.*.ssh.host", "nodes.*.ssh.port"].some((place) => place === placeOf(path));

/** The field of the file in which the value stands, or its stand-in. */
export const fileField = (path: Path): Path =>
  secretAt(path) ? [...path.slice(0, -1), `${path.at(-1)}_file`] : path;

/** Something valid, where a value is not known yet. */
export function sampleAt(path: Path): string | number {
  switch (path.at(-1)) {
    case "host_key":
      return `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`;
    case "port":
      return 22;
    case "private_key":
    case "sudo_password":
      return standIn(0);
    default:
      return "10.0.0.1";
  }
}
