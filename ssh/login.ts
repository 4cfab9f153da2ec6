import type { Client } from "ssh2";
import type { NodePlan } from "../config/plan";
import { DialError, type Dialer } from "./dial";
import { doorOf, remedyOf, type Trouble } from "./remedies";
import { printable } from "./report";

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
    readonly trouble: Trouble | undefined,
    readonly atBastion: boolean,
    readonly remedy: string,
  ) {
    super(`\ngroundwork: ${remedy}\n  the SSH client says: ${says}`);
  }
}

/**
 * Logs in to a node, as often as the dialer's patience says.
 * @throws LoginError
 */
export async function login(node: NodePlan, dialer: Dialer): Promise<Client> {
  try {
    return await dialer.dial(node.ssh);
  } catch (error) {
    throw failure(node, error as Error);
  }
}

/** What is said of a connection that failed. */
export function failure(node: NodePlan, error: Error): LoginError {
  const { trouble, atBastion } = error instanceof DialError ? error : new DialError("", undefined);
  const says = printable(error.message, 200);
  const { name, ssh } = doorOf(node, atBastion);
  const otherwise = `${name} (${ssh.host}) does not let us in. Log in to it by hand, and see why.`;
  return new LoginError(
    says,
    trouble,
    atBastion,
    trouble === undefined ? otherwise : remedyOf(trouble, node, atBastion),
  );
}
