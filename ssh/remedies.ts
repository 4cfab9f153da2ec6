import * as pulumi from "@pulumi/pulumi";
import type { NodePlan } from "../config/plan";
import { theirWords } from "./shell";

/** What kind of trouble there is with a connection: another machine, no right to log in, or no answer. */
export type Trouble = "stranger" | "refused" | "silent";

/** What the SSH client says, and what an operator can do about it. */
const remedies: readonly {
  readonly kind: Trouble;
  readonly says: RegExp;
  readonly remedy: (node: NodePlan) => string;
}[] = [
  {
    // sudo itself ends the step then, before its script could say so.
    kind: "refused",
    says: /sudo: (a password|a terminal|.*command not found|.*not in the sudoers)/,
    remedy: ({ name, ssh }) =>
      `${name} (${ssh.host}) gives user ${ssh.user} no sudo without a password. Put '${ssh.user} ALL=(ALL) NOPASSWD: ALL' ` +
      `into a file in /etc/sudoers.d there, or set ssh.user.`,
  },
  {
    kind: "stranger",
    says: /host key|knownhosts|key mismatch/i,
    remedy: ({ name, ssh }) =>
      `${name} (${ssh.host}) shows another host key than the one in the file. If the machine was reinstalled, compare its key ` +
      `on its console (/etc/ssh/ssh_host_ed25519_key.pub) and put it into ${name}'s host_key; if it was not, ` +
      `somebody may stand between you and the machine: do not go on.`,
  },
  {
    kind: "refused",
    says: /unable to authenticate|permission denied|authentication failed|all configured authentication methods/i,
    remedy: ({ name, ssh }) =>
      `${name} (${ssh.host}) does not let user ${ssh.user} in. Check ssh.user and ssh.private_key_file (or the agent), and ` +
      `that the public key is in the machine's authorized_keys.`,
  },
  {
    kind: "silent",
    says: /dial|timed? ?out|no route|refused|unreachable|connection reset|EHOSTUNREACH|after \d+ failed/i,
    remedy: ({ name, ssh }) =>
      `${name} (${ssh.host}:${ssh.port}) does not answer over SSH. Check that the machine is on, that its address and port in ` +
      `the file are right, and that sshd runs; then run 'pulumi up' again.`,
  },
];

/** What to do about an error of the SSH client, where it is a known one. */
export function remedyOf(
  message: string,
  node: NodePlan,
): { readonly kind: Trouble; readonly text: string } | undefined {
  const found = remedies.find(({ says }) => says.test(theirWords(message)));
  return found && { kind: found.kind, text: found.remedy(node) };
}

/**
 * Adds to an error of the SSH client what to do about it, naming the node. For steps that have no delete: a delete may
 * run without the program, where the engine finds no hook and would hide the real error.
 */
export function remedyHook(name: string, node: NodePlan): pulumi.ErrorHook {
  return new pulumi.ErrorHook(`${name}-remedy`, async ({ errors }) => {
    const [latest = ""] = errors;
    // An error of a step's own script says for itself what to do.
    if (!latest.includes("groundwork:")) {
      const found = remedyOf(latest, node);
      if (found) await pulumi.log.error(found.text);
    }
    return false;
  });
}
