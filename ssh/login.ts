import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "ssh2";
import type { NodePlan } from "../config/plan";
import { BastionError, type Dialer, stalled } from "./dial";
import { hangs } from "./hang";
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
    super(trouble === "hangs" ? remedy : `\ngroundwork: ${remedy}\n  the SSH client says: ${says}`);
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
      const told = tell(node, error as Error);
      const again = told.trouble === undefined || told.trouble === "silent";
      if (!again || attempt >= dialer.patience.attempts) throw told;
    }
    await sleep(100 * 1.5 ** attempt);
  }
}

function tell(node: NodePlan, error: Error): LoginError {
  const { bastion } = node.ssh;
  const atBastion = error instanceof BastionError && bastion !== undefined;
  const says = printable(error.message, 200);
  if (error.message.endsWith(stalled))
    return new LoginError(says, "hangs", atBastion, hangs(node, atBastion));
  const who = atBastion ? { ...node, name: `the bastion of ${node.name}`, ssh: bastion } : node;
  const known = remedyOf(error.message, who);
  const otherwise = `${who.name} (${who.ssh.host}) does not let us in. Log in to it by hand, and see why.`;
  return new LoginError(says, known?.kind, atBastion, known?.text ?? otherwise);
}

/** What to do where sudo kept a run from being root's. */
export function withoutRights({ status, errors }: Run, node: NodePlan): string | undefined {
  const sudo = errors.split("\n").find((line) => line.includes("sudo:")) ?? "";
  return status === 0 ? undefined : remedyOf(sudo, node)?.text;
}
