import { setTimeout as sleep } from "node:timers/promises";
import type { NodePlan } from "../config/plan";
import { type MaintainAction, maintainReport } from "../steps/maintain";
import { Dialer, type Patience } from "./dial";
import { LoginError } from "./login";
import { printable, readReport } from "./report";
import { failedRun } from "./runNow";
import { Wire } from "./wire";

/** What others do for a machine that is maintained. */
export interface Around {
  /** Before it goes, in this order: each leaves nothing changed where it fails. */
  readonly before: readonly (() => Promise<void>)[];
  /** When it is back, with its boot, in this order; also where it did not go after all. */
  readonly after: readonly ((boot: string) => Promise<void>)[];
  /** Called when it has started anew, which connections of before do not know. */
  readonly restarted: () => void;
  /** What is said on the way. */
  readonly tell: (words: string) => void;
}

type Report = ReturnType<typeof report>;
const report = (output: string) => readReport(output, maintainReport);

/** Seconds for packages to be fetched, or upgraded, after another run that is still at it. */
const packagesWithin = 3600;
/** Seconds in which a machine has to be back: servers look at all of their memory before they start. */
const returnWithin = 1200;
/** Of one that is not there for a while. */
const brief: Patience = { connect: 3, ready: 10, attempts: 1 };
const usual: Patience = { connect: 5, ready: 20, attempts: 6 };

/**
 * Has a machine's packages upgraded, and it restarted, once for its number in the file: a run that was killed goes on where the
 * machine is. Everything that can be found out beforehand is, before anybody is troubled.
 *
 * @param program what it runs for each action
 * @throws Error that names the node, what is wrong and what to do
 */
export async function maintain(
  node: NodePlan,
  program: (action: MaintainAction) => string,
  around: Around,
): Promise<void> {
  const { after, tell } = around;
  // What the machine said no to, and not what a connection did that it cut.
  const refusals = new WeakSet<object>();
  const ask = async (
    action: MaintainAction,
    seconds = 360,
    patience: Patience = usual,
  ): Promise<Report> => {
    const dialer = new Dialer(patience, { background: true });
    try {
      const run = await new Wire(node, dialer).run(program(action), seconds);
      if (run.status !== 0) {
        const error = failedRun(node, "maintain", run);
        if (run.errors.includes("groundwork: ")) refusals.add(error);
        throw error;
      }
      return report(run.output);
    } finally {
      dialer.close();
    }
  };
  let { state, boot } = await ask("look");
  if (state === "done") return;
  if (state === "due") {
    tell(`${node.name}: fetches packages, then is emptied`);
    await ask("fetch", packagesWithin);
    await left(around, boot);
  }
  if (state === "due" || state === "going") {
    tell(`${node.name}: upgrades its packages, and restarts`);
    try {
      await ask("restart", packagesWithin);
    } catch (error) {
      // Where it restarts already, nobody may be there to answer.
      const now = await ask("look", 360, brief).catch(() => undefined);
      if (now?.state === "due") await undo(after, boot, tell);
      if (now?.state === "due" || refusals.has(error as object)) throw error;
    }
    ({ state, boot } = await returned(node, () => ask("look", 30, brief)));
  }
  around.restarted();
  tell(`${node.name}: is back, and has to be whole`);
  for (const step of after) await step(boot);
  await ask("done");
}

/** Everybody lets it go; where one does not, those before take it back. */
async function left({ before, after, tell }: Around, boot: string): Promise<void> {
  try {
    for (const step of before) await step();
  } catch (error) {
    await undo(after, boot, tell);
    throw error;
  }
}

/** The error of what failed is what counts. */
async function undo(after: Around["after"], boot: string, tell: Around["tell"]): Promise<void> {
  for (const step of after) await step(boot).catch(({ message }: Error) => tell(message.trim()));
}

/** Waits until the machine has started anew. */
async function returned(node: NodePlan, look: () => Promise<Report>): Promise<Report> {
  const { name, ssh } = node;
  const deadline = Date.now() + returnWithin * 1000;
  let last = "it has not gone down";
  for (;;) {
    try {
      const found = await look();
      if (found.state === "back" || found.state === "done") return found;
      last = "it has not gone down";
    } catch (error) {
      last = printable(error instanceof LoginError ? error.says : (error as Error).message, 200);
    }
    if (Date.now() >= deadline) break;
    await sleep(1000);
  }
  throw new Error(
    `\ngroundwork: maintain failed on ${name} (${ssh.host}): it was to restart, and is not back within ${returnWithin / 60} minutes: ${last}\n` +
      `  what to do: see its console; when it answers again, run 'pulumi up', which goes on with it. Until then it takes no pods, ` +
      `Ceph leaves its data where they are (noout), and no other machine is restarted. If it is gone for good, set lost: true`,
  );
}
