import type { SshTarget } from "../config/plan";

/** As whom a program runs. */
export type Login = Pick<SshTarget, "user" | "sudoPassword">;

/**
 * How a bash program is run that comes on standard input, as {@link fed} has it: as root, ended after `seconds`, and killed
 * `grace` seconds later. No argument shows in process lists, and a broken connection runs nothing.
 */
export function shell({ user, sudoPassword }: Login, seconds: number, grace = 10): string {
  const bash = `timeout --kill-after=${grace} ${seconds} bash -s --`;
  if (user === "root") return bash;
  if (sudoPassword === undefined) return `sudo -n ${bash}`;
  // sudo reads a line only if it wants a password: one that it left must not be taken for a command. No password is empty.
  return `sudo -k -S -p '' sh -c 'while IFS= read -r line && [ -n "$line" ]; do :; done; exec "$@"' sh ${bash}`;
}

/** What {@link shell} is given on standard input to run `program`. */
export function fed({ user, sudoPassword }: Login, program: string): string {
  return user === "root" || sudoPassword === undefined ? program : `${sudoPassword}\n\n${program}`;
}
