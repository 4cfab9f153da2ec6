import { setTimeout as sleep } from "node:timers/promises";
import type { NodePlan } from "../config/plan";
import { type NetworkAction, networkReport } from "../steps/network";
import { Dialer, type Patience } from "./dial";
import { LoginError } from "./login";
import { readReport } from "./report";
import { failedRun } from "./runNow";
import { Wire } from "./wire";

/** Seconds in which a machine has to answer where its file says. It gives itself half as many more. */
const within = 60;
/** Of one that may be elsewhere, or may be changing at this moment. */
const brief: Patience = { connect: 3, ready: 15, attempts: 1 };
const usual: Patience = { connect: 5, ready: 20, attempts: 6 };

/** What it is when nobody has an address. */
const absent: readonly LoginError["trouble"][] = ["silent", "unreachable", "behind"];

type Report = ReturnType<typeof report>;
const report = (output: string) => readReport(output, networkReport);

/**
 * Has a machine get the network that its file declares, and answers when it was reached there anew, with the key that is
 * pinned. It is dialled at its declared address first, and where nobody answers there, at its bootstrap address.
 *
 * @param program what it runs for each action
 * @param whose who else has the network cards that a message names, in words; undefined: nobody
 * @throws Error that names the node, what is wrong and what to do. Its former network is back then, or about to come back.
 */
export async function giveNetwork(
  node: NodePlan,
  program: (action: NetworkAction) => string,
  whose: (message: string) => string | undefined,
): Promise<void> {
  const ask = async (at: NodePlan, action: NetworkAction, patience = brief): Promise<Report> => {
    const dialer = new Dialer(patience, { background: true });
    try {
      const run = await new Wire(at, dialer).run(program(action), 60);
      if (run.status !== 0) throw failedRun(at, "network", run);
      return report(run.output);
    } finally {
      dialer.close();
    }
  };
  const { at, answer } = await first(node, ask).catch((error: Error) => {
    const others = whose(error.message);
    throw others === undefined ? error : new Error(`${error.message}\n  ${others}`);
  });
  if (answer.state === "unchanged") return;
  const failure = await confirmed(node, ask);
  if (failure === undefined) return;
  const back = await former(at, answer.seconds + within, ask);
  throw new Error(`${failure}\n  ${back}`);
}

type Ask = (at: NodePlan, action: NetworkAction, patience?: Patience) => Promise<Report>;

/** Has it switch, where it answers now. */
async function first(node: NodePlan, ask: Ask): Promise<{ at: NodePlan; answer: Report }> {
  const { name, ssh, network } = node;
  const bootstrap = network?.bootstrapAddress;
  try {
    return { at: node, answer: await ask(node, "switch", bootstrap === undefined ? usual : brief) };
  } catch (error) {
    if (!(error instanceof LoginError) || bootstrap === undefined || error.atBastion) throw error;
    if (error.trouble === "stranger" || error.trouble === "closed") {
      throw new Error(
        `\ngroundwork: another machine than ${name} seems to have the address ${ssh.host}: ${error.says}; nothing was written\n` +
          `  what to do: give one of them another address; or, if it is ${name}: ${error.remedy}`,
      );
    }
    if (!absent.includes(error.trouble)) throw error;
    const at = { ...node, ssh: { ...ssh, host: bootstrap } };
    try {
      return { at, answer: await ask(at, "switch", usual) };
    } catch (other) {
      if (!(other instanceof LoginError)) throw other;
      throw new Error(
        `${other.message}\n  It is ${name}'s bootstrap_address; at ${ssh.host}, where the machine is to answer, nobody does (${error.says})`,
      );
    }
  }
}

/** Waits for it at its declared address, and has the network stay; else why not. */
async function confirmed(node: NodePlan, ask: Ask): Promise<string | undefined> {
  const { name, ssh } = node;
  const failed = (why: string) =>
    `\ngroundwork: network failed on ${name} (${ssh.host}): ${why}\n` +
    `  what to do: compare addresses, gateway, VLAN and bond in its interfaces with the switch it is plugged into; then run 'pulumi up' again`;
  const deadline = Date.now() + within * 1000;
  let last = "it is silent";
  while (Date.now() < deadline) {
    try {
      const { state, words } = await ask(node, "look");
      if (state === "unchanged") return undefined;
      if (state === "former" || state === "returning")
        return failed(`its new network did not come up${words === "" ? "" : `: ${words.trim()}`}`);
      if (state === "switched") {
        // The one before may have begun over the former network.
        await ask(node, "confirm");
        return undefined;
      }
    } catch (error) {
      if (!(error instanceof LoginError)) return (error as Error).message;
      last = error.says;
      if (error.trouble === "stranger")
        return failed(`another machine has that address: ${error.says}`);
    }
    await sleep(1000);
  }
  return failed(`it does not answer there within ${within} s of having its new network: ${last}`);
}

/** Waits until it is as it was, where it answered before; what came of it, in words. */
async function former(at: NodePlan, seconds: number, ask: Ask): Promise<string> {
  const { name, ssh } = at;
  const deadline = Date.now() + seconds * 1000;
  while (Date.now() < deadline) {
    const answer = await ask(at, "look").catch(() => undefined);
    if (answer?.state === "former" || answer?.state === "unchanged")
      return `${name} has its former network again, and answers at ${ssh.host}`;
    await sleep(1000);
  }
  return `${name} does not answer at ${ssh.host} again, either: restart it, and it comes up with its former network`;
}
