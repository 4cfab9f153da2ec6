import type { SshTarget } from "../config/plan";

/**
 * How a bash program is run that comes on standard input: as root, ended after `seconds`, and killed `grace` seconds
 * later. No argument shows in process lists, and a broken connection runs nothing.
 */
export function shell({ user }: Pick<SshTarget, "user">, seconds: number, grace = 10): string {
  return `${user === "root" ? "" : "sudo -n "}timeout --kill-after=${grace} ${seconds} bash -s --`;
}

/** Our own words in what the SSH client says of a command that failed: they tell nothing of what is wrong. */
const ownWords = /(?:sudo -n )?timeout --kill-after=\d+ \d+ bash -s -- \S+/g;

/** What others say in `message`. */
export const theirWords = (message: string) => message.replace(ownWords, "");
