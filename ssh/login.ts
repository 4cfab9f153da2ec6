import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "ssh2";
import type { NodePlan } from "../config/plan";
import { BastionError, type Dialer, type Patience, stalled } from "./dial";
import { remedyOf, type Trouble } from "./remedies";
import { printable } from "./report";
import type { Run } from "./run";

/** A node that did not let us in, with what to do about it. */
export class LoginError extends Error {
  /**
   * @param says the SSH client's words
   * @param trouble what is wrong; undefined: nothing that is known
   * @param atBastion whether it is the bastion before the node that did not let us in
   * @param remedy who did not, and what to do
   */
  constructor(
    readonly says: string,
    readonly trouble: Trouble | "hangs" | undefined,
    readonly atBastion: boolean,
    readonly remedy: string,
  ) {
    super(
      `\ngroundwork: ${remedy}${trouble === "hangs" ? "" : `\n  the SSH client says: ${says}`}`,
    );
  }
}

/**
 * Logs in to a node, as often as the dialer's patience says.
 * @throws LoginError
 */
export async function login(node: NodePlan, dialer: Dialer): Promise<Client> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await dialer.dial(node.ssh);
    } catch (error) {
      const failed = failure(node, error as Error, dialer.patience);
      const again = failed.trouble === undefined || failed.trouble === "silent";
      if (!again || attempt >= dialer.patience.attempts) throw failed;
    }
    await sleep(100 * 1.5 ** attempt);
  }
}

/** What is said of a connection that failed. */
export function failure(node: NodePlan, error: Error, patience: Patience): LoginError {
  const { bastion } = node.ssh;
  const atBastion = error instanceof BastionError && bastion !== undefined;
  const says = printable(error.message, 200);
  if (error.message.endsWith(stalled))
    return new LoginError(says, "hangs", atBastion, hangs(node, atBastion, patience));
  const who = atBastion ? { ...node, name: `the bastion of ${node.name}`, ssh: bastion } : node;
  const known = remedyOf(error.message, who);
  const otherwise = `${who.name} (${who.ssh.host}) does not let us in. Log in to it by hand, and see why.`;
  return new LoginError(says, known?.kind, atBastion, known?.text ?? otherwise);
}

/** What is said of a machine that takes connections and lets nobody in, or of the bastion before it. */
function hangs({ name, ssh }: NodePlan, atBastion: boolean, { ready }: Patience): string {
  const { host, port } = (atBastion && ssh.bastion) || ssh;
  const who = `${atBastion ? `the bastion of ${name}` : name} (${host}:${port})`;
  return (
    `${who} hangs: it takes connections, and its SSH server says nothing for ${ready} s\n` +
    `  what to do: restart the machine, then run 'pulumi up' again; if it does not come back, set lost: true`
  );
}

/** What to do where sudo kept a run from being root's. */
export function withoutRights({ status, errors }: Run, node: NodePlan): string | undefined {
  const sudo = errors.split("\n").find((line) => line.includes("sudo:")) ?? "";
  return status === 0 ? undefined : remedyOf(sudo, node)?.text;
}
