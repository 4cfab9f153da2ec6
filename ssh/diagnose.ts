import type { Client } from "ssh2";
import type { NodePlan } from "../config/plan";
import { firstWords } from "./report";
import { type Run, run } from "./run";

/** Seconds a machine has to say what is wrong with it. */
const patience = 10;

const marks = {
  shell: "groundwork-shell",
  missing: "groundwork-missing ",
  sudo: "groundwork-sudo ",
};

/** What sudo ends with that does not run what it is given. What it runs here ends otherwise. */
const denied = 1;

/** What a step is run by: see `shell`. */
const programs = ["timeout", "bash", "sudo"];

/** What any login shell answers that runs what it is asked to run. */
const greeting = `sh -c 'echo; echo ${marks.shell}'`;

/** Run by the login shell, whichever it is: which programs are there, and what sudo says, in English. */
const question =
  `sh -c 'echo; echo ${marks.shell}; for program in ${programs.join(" ")}; do ` +
  `command -v $program >/dev/null || echo ${marks.missing}$program; done; ` +
  `said=$(LC_ALL=C sudo -n timeout 9 bash -c : 2>&1); [ $? != ${denied} ] || echo "$said" | sed "s/^/${marks.sudo}/"'`;

/** What sudo complains of and goes on. */
const complaints = /^.*sudo: unable to resolve host .*\n?/gm;

/** What of sudo's words means what; the first that fits: behind what it says of an account come words on a password, too. */
const refusals: readonly (readonly [RegExp, (user: string, given: boolean) => string])[] = [
  [
    /account validation failure/,
    (user) =>
      `lets user ${user} in, but not become root: sudo's own rules for accounts there (/etc/pam.d/sudo, 'passwd -S ${user}') ` +
      `leave it out, or it is locked.`,
  ],
  [
    /account (is |temporarily )?locked/i,
    (user) =>
      `lets user ${user} in, but not become root: too many wrong passwords have locked the account. 'faillock --user ${user}' ` +
      `there, as root, tells until when, and with --reset unlocks it.`,
  ],
  [
    /expired/i,
    (user) =>
      `lets user ${user} in, but not become root: the account or its password has expired. See 'chage -l ${user}' there.`,
  ],
  [
    /incorrect password attempt|Sorry, try again/,
    (user) =>
      `does not take the password of ssh.sudo_password_file for user ${user}. It was tried once, and nothing else was done. ` +
      `Put the right one into that file; 'sudo -k; sudo -v' there tells which it is. If it is right, see there whether ` +
      `the account is locked ('faillock --user ${user}').`,
  ],
  [
    /must have a tty/,
    (user) =>
      `lets user ${user} use sudo on a terminal only. Put 'Defaults:${user} !requiretty' into a file in /etc/sudoers.d there.`,
  ],
  [
    /not in the sudoers file|may not run sudo|is not allowed to (execute|run)/,
    (user) =>
      `does not let user ${user} become root. Put '${user} ALL=(ALL) ALL' into a file in /etc/sudoers.d there, with ` +
      `NOPASSWD: before the last word or with ssh.sudo_password_file here; or set ssh.user.`,
  ],
  [
    /no new privileges|setuid|must be owned by uid 0/,
    () =>
      `has a sudo that cannot become root: its file has lost the setuid bit, or its file system is mounted nosuid. Install sudo anew there.`,
  ],
  [
    /a (password|terminal) is required|no password was provided/,
    (user, given) =>
      given
        ? `asks user ${user} for more than the password of ssh.sudo_password_file, such as a code. See /etc/pam.d/sudo there.`
        : `gives user ${user} no sudo without a password. Put '${user} ALL=(ALL) NOPASSWD: ALL' ` +
          `into a file in /etc/sudoers.d there, give ssh.sudo_password_file, or set ssh.user.`,
  ],
];

/** What login shells that run nothing say, and what to do; `said` is what the remedies quote. */
const shells: readonly (readonly [RegExp, (user: string, said: RegExpExecArray) => string])[] = [
  [
    /log ?in as the user "?([a-z_][a-z0-9_-]{0,31})(?![a-z0-9_-])/i,
    (user, said) => `set ssh.user to ${said[1]}: the image keeps ${user} from logging in`,
  ],
  [
    /password (has )?expired|password change required|required to change your password/i,
    (user) =>
      `log in by hand and change the password of ${user}, which has expired ('chage -l ${user}' tells when)`,
  ],
  [
    /account is (currently )?not available/i,
    (user) => `give ${user} a shell there ('usermod -s /bin/bash ${user}'), or set ssh.user`,
  ],
];

/**
 * Why a machine that let us in does not run programs as root.
 * @param said what came instead of an answer
 * @returns who, what is wrong, and what to do; undefined: it seems to run them
 */
export async function diagnose(
  client: Client,
  node: NodePlan,
  said: string,
): Promise<string | undefined> {
  const { name, ssh } = node;
  const who = `${name} (${ssh.host})`;
  const answer = await run(client, question, "", patience).catch(() => undefined);
  const lines = answer?.output.split("\n") ?? [];
  if (!lines.includes(marks.shell)) {
    const words = `${said}\n${answer?.output}\n${answer?.errors}`.replaceAll('\\"', '"');
    const known = shells.flatMap(([says, remedy]) => {
      const found = says.exec(words);
      return found ? [remedy(ssh.user, found)] : [];
    });
    return doesNotRun(node, said, known[0]);
  }
  // What the machine names itself is no program to install there as root.
  const missing = programs
    .filter((program) => lines.includes(`${marks.missing}${program}`))
    .filter((program) => program !== "sudo" || ssh.user !== "root");
  if (missing.length > 0)
    return (
      `${who} has no ${missing.join(" and no ")} in the PATH of user ${ssh.user}; nothing was written\n` +
      `  what to do: install it there (as root: apt-get install ${missing.map((one) => (one === "timeout" ? "coreutils" : one)).join(" ")})` +
      `${missing.includes("sudo") ? ", or set ssh.user to root" : ""}. Then run 'pulumi up' again`
    );
  const refused = lines.filter((line) => line.startsWith(marks.sudo)).join("\n");
  if (ssh.user !== "root" && ssh.sudoPassword === undefined && refused !== "")
    return sudoRefusal(node, refused);
  return undefined;
}

/** The first words that say why. */
export const wordsOf = (text: string) => firstWords(text.replaceAll(complaints, ""));

/** What is said of a machine that runs something else. */
export function doesNotRun(
  { name, ssh }: NodePlan,
  said: string,
  remedy = `make the shell of ${ssh.user} there (its line in /etc/passwd, ~/.bashrc, command= in authorized_keys) ` +
    `run commands to their end; what it prints before and behind does no harm`,
): string {
  return (
    `${name} (${ssh.host}) lets user ${ssh.user} in, but does not run what it is given: ${said}; nothing was written\n` +
    `  what to do: ${remedy}. Then run 'pulumi up' again`
  );
}

/** What sudo's own words mean. */
export function sudoRefusal({ name, ssh }: NodePlan, words: string): string {
  const known = refusals.find(([says]) => says.test(words));
  const says = wordsOf(words).replaceAll(marks.sudo, "");
  return `${name} (${ssh.host}) ${known?.[1](ssh.user, ssh.sudoPassword !== undefined) ?? `does not let user ${ssh.user} become root: sudo says ${says}. Log in to it by hand, and see why.`}`;
}

/** Words with which a machine counts a failed login, and may lock the account. */
const counted = /incorrect password attempt|Sorry, try again|account (is |temporarily )?locked/i;

/** What was said of passwords that sudo did not take, by machine, user and password: they are not tried again. */
const untaken = new Map<string, string>();

/**
 * Whether sudo takes the password of the file, tried once in this process: who tries wrong ones again is locked out. First it is asked without
 * it whether our command runs there at all: what else reads standard input might run the password, log it or send it on.
 * @returns what is wrong, and what to do; nothing where it takes it
 */
export async function wrongPassword(client: Client, node: NodePlan): Promise<string | undefined> {
  const { user, sudoPassword } = node.ssh;
  if (user === "root" || sudoPassword === undefined) return undefined;
  const { host, port, bastion } = node.ssh;
  const key = JSON.stringify([bastion?.host, host, port, user, sudoPassword]);
  const known = untaken.get(key);
  if (known !== undefined) return known;
  const greeted = await run(client, greeting, "", patience);
  if (!greeted.output.split("\n").includes(marks.shell)) return otherwise(client, node, greeted);
  const command = "env LC_ALL=C sudo -k -S -p '' timeout 9 bash -c :";
  const tried = await run(client, command, `${sudoPassword}\n`, patience, node.ssh);
  const { status, output, errors } = tried;
  if (status === 0) return undefined;
  const words = `${output}\n${errors}`.replaceAll(complaints, "");
  // A shell that is none may end so, too.
  if (
    status === denied &&
    (words.includes("sudo: ") || refusals.some(([says]) => says.test(words)))
  ) {
    const said = sudoRefusal(node, words);
    if (counted.test(words) || !refusals.some(([says]) => says.test(words))) untaken.set(key, said);
    return said;
  }
  return otherwise(client, node, tried);
}

/** What is wrong with a machine that answered so. */
async function otherwise(client: Client, node: NodePlan, answer: Run): Promise<string> {
  const { status, output, errors } = answer;
  const said = `it says ${wordsOf(`${output}\n${errors}`)}, and ends with status ${status ?? "unknown"}`;
  return (await diagnose(client, node, said)) ?? doesNotRun(node, said);
}
