import * as pulumi from "@pulumi/pulumi";
import { connect } from "node:net";
import { settled } from "../arguments/standIns";
import type { NodePlan } from "../config/plan";

/** Seconds a machine has to take a connection, and then to greet us. */
const limits = {
  /** One that takes longer is the SSH client's to tell of. */
  connect: 1,
  /** sshd does so before it does anything else. */
  greeting: 20,
};

/** Whether those hang that were asked in this `up`, by host and port: sshd punishes whoever connects and does not log in. */
const asked = new Map<string, Promise<boolean>>();

const dialled = ({ ssh }: NodePlan) => ssh.bastion ?? ssh;
const keyOf = ({ host, port }: { host: string; port: number }) => `${host}:${port}`;

/**
 * Keeps a step from a machine that hangs: it takes connections, but its SSH server says nothing, for which the SSH client
 * would wait for ever. Asks once in an `up`, before the first step that runs on the machine.
 */
export function hangHook(name: string, node: NodePlan): pulumi.ResourceHook {
  return new pulumi.ResourceHook(`${name}-hangs`, async () => {
    const real = await settled(node);
    const { host, port } = dialled(real);
    const silent = asked.get(keyOf({ host, port })) ?? isSilent(host, port);
    asked.set(keyOf({ host, port }), silent);
    if (await silent) throw new Error(hangs(real, real.ssh.bastion !== undefined));
  });
}

/** A machine let us in, in another way than by this hook: it need not be asked. */
export function letUsIn(node: NodePlan): void {
  asked.set(keyOf(dialled(node)), Promise.resolve(false));
}

/** What is said of a machine that hangs, or of the bastion before it. */
export function hangs({ name, ssh }: NodePlan, atBastion: boolean): string {
  const { host, port } = (atBastion && ssh.bastion) || ssh;
  const who = `${atBastion ? `the bastion of ${name}` : name} (${host}:${port})`;
  return (
    `\ngroundwork: ${who} hangs: it takes connections, and its SSH server says nothing for ${limits.greeting} s\n` +
    `  what to do: restart the machine, then run 'pulumi up' again; if it does not come back, set lost: true`
  );
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
