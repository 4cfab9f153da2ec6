import { setTimeout as sleep } from "timers/promises";

const firstDelay = 100;
const longestDelay = 5000;
const growth = 1.5;

/** Calls `attempt` until it succeeds, has failed more than `limit` times (-1: never), or `signal` is aborted. */
export async function retry<T>(
  limit: number,
  signal: AbortSignal,
  attempt: () => Promise<T>,
  onFailure: (failures: number) => void,
): Promise<T> {
  for (let failures = 0, delay = firstDelay; ; delay = Math.min(delay * growth, longestDelay)) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (limit >= 0 && failures >= limit) {
        throw new Error(`after ${failures} failed attempts: ${(error as Error).message}`);
      }
      failures++;
      onFailure(failures);
    }
    await sleep(delay, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
