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
  // sudo takes what it is given for three guesses: it gets the password alone, before there is anything else to be taken for one.
  const once = `IFS= read -r line && printf "%s\\n" "$line" | sudo -k -S -p "" true && { printf "%s\\n" "$line"; exec cat; } | sudo -k -S -p "" "$@"`;
  // It reads a line only if it wants a password: one that it left must not be taken for a command. No password is empty.
  const rest = `while IFS= read -r line && [ -n "$line" ]; do :; done; exec "$@"`;
  return `sh -c '${once}' sh sh -c '${rest}' sh ${bash}`;
}

/** What {@link shell} is given on standard input to run `program`. */
export function fed({ user, sudoPassword }: Login, program: string): string {
  return user === "root" || sudoPassword === undefined ? program : `${sudoPassword}\n\n${program}`;
}

/** What stands between the words that a shell makes of a line. */
const between = /[\s;&|<>()"'`$\\]+/;

/**
 * What a machine said, without the password that it was given: a shell that takes it for a command says it again, or the words
 * of it. What has less than three letters stands in every text by chance.
 */
export function withoutPassword({ sudoPassword = "" }: Login, text: string): string {
  if (sudoPassword.length < 3) return text;
  const words = sudoPassword.split(between).filter((word) => word.length > 2);
  return words.reduce(
    (said, word) => said.replace(new RegExp(`(?<!\\w)${literal(word)}(?!\\w)`, "g"), "..."),
    text.replaceAll(sudoPassword, "..."),
  );
}

const literal = (text: string) => text.replace(/[^\w\s]/g, "\\$&");
