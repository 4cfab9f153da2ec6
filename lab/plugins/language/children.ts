import { type ChildProcess, spawn, type SpawnOptions } from "child_process";

const running = new Set<ChildProcess>();

/** Starts a Node.js process that does not outlive this one. */
export function spawnNode(args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(process.execPath, args, options);
  running.add(child);
  const forget = () => running.delete(child);
  child.once("exit", forget).once("error", forget);
  return child;
}

export function killChildren(): void {
  for (const child of running) child.kill();
}
