import * as pulumi from "@pulumi/pulumi";
import type { NodePlan } from "../config/plan";

/** What the SSH client says, and what an operator can do about it. */
const remedies: readonly { readonly says: RegExp; readonly remedy: (node: NodePlan) => string }[] =
  [
    {
      says: /host key|knownhosts|key mismatch/i,
      remedy: ({ name, ssh }) =>
        `${name} (${ssh.host}) shows another host key than the one in the file. If the machine was reinstalled, compare its key ` +
        `on its console (/etc/ssh/ssh_host_ed25519_key.pub) and put it into ${name}'s host_key; if it was not, ` +
        `somebody may stand between you and the machine: do not go on.`,
    },
    {
      says: /unable to authenticate|permission denied|authentication failed|all configured authentication methods/i,
      remedy: ({ name, ssh }) =>
        `${name} (${ssh.host}) does not let user ${ssh.user} in. Check ssh.user and ssh.private_key_file (or the agent), and ` +
        `that the public key is in the machine's authorized_keys.`,
    },
    {
      says: /dial|timed? ?out|no route|refused|unreachable|connection reset|EHOSTUNREACH|after \d+ failed/i,
      remedy: ({ name, ssh }) =>
        `${name} (${ssh.host}:${ssh.port}) does not answer over SSH. Check that the machine is on, that its address and port in ` +
        `the file are right, and that sshd runs; then run 'pulumi up' again.`,
    },
  ];

/**
 * Adds to an error of the SSH client what to do about it, naming the node. For steps that have no delete: a delete may
 * run without the program, where the engine finds no hook and would hide the real error.
 */
export function remedyHook(node: NodePlan): pulumi.ErrorHook {
  return new pulumi.ErrorHook(`${node.name}-remedy`, async ({ errors }) => {
    const [latest = ""] = errors;
    // An error of a step's own script says for itself what to do.
    if (!latest.includes("groundwork:")) {
      const found = remedies.find(({ says }) => says.test(latest));
      if (found) await pulumi.log.error(found.remedy(node));
    }
    return false;
  });
}
