import { setTimeout as sleep } from "node:timers/promises";
import type { NodePlan } from "../config/plan";
import { Dialer } from "./dial";
import { login, type LoginError } from "./login";

/** What it is while a machine has not called, or is about to call anew. */
const away: readonly LoginError["trouble"][] = ["behind", "closed", "cut"];

/**
 * Waits for a machine to call that nobody dials: until it lets us in, or for as long as the file says.
 * @param tell is told, once, that it is waited for
 * @throws LoginError that says what to do
 */
export async function awaitCall(node: NodePlan, tell: (words: string) => void): Promise<void> {
  const { calls, name } = node;
  if (!calls) return;
  const dialer = new Dialer({ connect: 5, ready: 20, attempts: 1 }, { background: true });
  const deadline = Date.now() + calls.minutes * 60_000;
  let told = false;
  try {
    for (;;) {
      try {
        return void (await login(node, dialer));
      } catch (error) {
        const { trouble, atBastion } = error as LoginError;
        if (atBastion || !away.includes(trouble) || Date.now() >= deadline) throw error;
      }
      if (!told)
        tell(
          `${name} is to call, and has not yet: it is waited for, at most ${calls.minutes} minutes`,
        );
      told = true;
      await sleep(1000);
    }
  } finally {
    dialer.close();
  }
}
