import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "ssh2";
import type { NodePlan } from "../config/plan";
import { BastionError, Dialer, type Patience, stalled } from "./dial";
import { hangs, letUsIn } from "./hang";
import { remedyOf } from "./remedies";
import { printable } from "./report";

/** As patient as the SSH client of a step: half a minute for a machine that does not answer, less for one that refuses. */
const patience: Patience & { readonly attempts: number } = { connect: 5, ready: 20, attempts: 6 };

/** Of all sessions at the same time, so that they share the connection to a bastion. */
let shared: { readonly dialer: Dialer; users: number } | undefined;

/**
 * Logs in as a step does, and closes the connection when it has been used.
 * @throws Error that names the node, what its SSH server or the way to it said, and what to do
 */
export async function session<T>(node: NodePlan, use: (client: Client) => Promise<T>): Promise<T> {
  shared ??= { dialer: new Dialer(patience), users: 0 };
  const own = shared;
  own.users += 1;
  try {
    const client = await login(node, own.dialer);
    letUsIn(node);
    try {
      return await use(client);
    } finally {
      client.end();
    }
  } finally {
    own.users -= 1;
    if (own.users === 0) {
      own.dialer.close();
      shared = undefined;
    }
  }
}

async function login(node: NodePlan, dialer: Dialer): Promise<Client> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await dialer.dial(node.ssh);
    } catch (error) {
      const { again, text } = told(node, error as Error);
      if (!again || attempt === patience.attempts) throw new Error(text);
    }
    await sleep(100 * 1.5 ** attempt);
  }
}

/** What is said of a connection that failed, and whether it is worth another try. */
function told(node: NodePlan, error: Error): { readonly again: boolean; readonly text: string } {
  const { bastion } = node.ssh;
  const atBastion = error instanceof BastionError && bastion !== undefined;
  if (error.message.endsWith(stalled)) return { again: false, text: hangs(node, atBastion) };
  const who = atBastion ? { ...node, name: `the bastion of ${node.name}`, ssh: bastion } : node;
  const known = remedyOf(error.message, who);
  const otherwise = `${who.name} (${who.ssh.host}) does not let us in. Log in to it by hand, and see why.`;
  return {
    again: known === undefined || known.kind === "silent",
    text: `\ngroundwork: ${known?.text ?? otherwise}\n  the SSH client says: ${printable(error.message, 200)}`,
  };
}
