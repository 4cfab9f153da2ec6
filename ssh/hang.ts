import * as pulumi from "@pulumi/pulumi";
import { connect } from "node:net";
import type { NodePlan } from "../config/plan";

/** Seconds a machine has to take a connection, and then to greet us. */
const limits = {
  /** One that takes longer is the SSH client's to tell of. */
  connect: 1,
  /** sshd does so before it does anything else. */
  greeting: 20,
};

/**
 * Keeps a step from a machine that hangs: it takes connections, but its SSH server says nothing, for which the SSH client
 * would wait for ever. Asks once in an `up`, before the first step that runs on the machine.
 */
export function hangHook({ name, ssh }: NodePlan): pulumi.ResourceHook {
  const { host, port } = ssh.bastion ?? ssh;
  let silent: Promise<boolean> | undefined;
  return new pulumi.ResourceHook(`${name}-hangs`, async () => {
    silent ??= isSilent(host, port);
    if (!(await silent)) return;
    const who = `${ssh.bastion ? `the bastion of ${name}` : name} (${host}:${port})`;
    throw new Error(
      `\ngroundwork: ${who} hangs: it takes connections, and its SSH server says nothing for ${limits.greeting} s\n` +
        `  what to do: restart the machine, then run 'pulumi up' again; if it does not come back, set lost: true`,
    );
  });
}

/** Whether a server takes a connection and then says nothing; false, too, when it does not take it. */
export function isSilent(host: string, port: number, limit = limits): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (silent: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(silent);
    };
    let timer = setTimeout(() => end(false), limit.connect * 1000);
    socket
      .once("connect", () => {
        clearTimeout(timer);
        timer = setTimeout(() => end(true), limit.greeting * 1000);
      })
      .once("data", () => end(false))
      .once("error", () => end(false))
      .once("close", () => end(false));
  });
}
