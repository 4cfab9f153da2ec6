import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { must, root, type Result, upCommand } from "./lab";

/** A resource whose creation, update or deletion begins or ends, as the engine tells it. */
export interface Progress {
  /** Token and name: `command:remote:Command master-01-claim`. */
  readonly step: string;
  readonly state: "begins" | "ends";
}

const began = /^\s*\S*\s+(\S+:\S+:\S+ \S+) (?:creating|updating|deleting|replacing)\b/;
const ended = /^\s*\S*\s+(\S+:\S+:\S+ \S+) (?:created|updated|deleted|replaced|\*\*.*failed)\b/;

/** An operator's `pulumi up` under observation, which may be killed in the middle. */
export class Operator {
  /** What it printed, when it has ended. */
  readonly result: Promise<Result>;
  private readonly child: ChildProcess;
  private readonly seen: Progress[] = [];
  private readonly listeners = new Set<() => void>();
  private over = false;

  /** @param settings more of the environment, such as another backend */
  constructor(command = upCommand, settings = "") {
    const child = spawn("bash", ["-c", `. .lab/env; ${settings} exec ${command}`], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    let stdout = "";
    let stderr = "";
    createInterface(child.stdout).on("line", (line) => {
      stdout += `${line}\n`;
      const step = began.exec(line)?.[1];
      const done = ended.exec(line)?.[1];
      if (step !== undefined) this.seen.push({ step, state: "begins" });
      if (done !== undefined) this.seen.push({ step: done, state: "ends" });
      this.listeners.forEach((notify) => notify());
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    this.result = new Promise((resolve) =>
      child.once("close", (code) => {
        this.over = true;
        this.listeners.forEach((notify) => notify());
        resolve({ status: code ?? -1, stdout, stderr, output: stdout + stderr });
      }),
    );
  }

  /** The first progress for which `wanted` holds; undefined when the operator ended without. */
  until(wanted: (progress: Progress) => boolean): Promise<Progress | undefined> {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.seen.find(wanted);
        if (!found && !this.over) return;
        this.listeners.delete(look);
        resolve(found);
      };
      this.listeners.add(look);
      look();
    });
  }

  /** What Ctrl-C does: steps that have begun are finished and noted in the state, and no other begins. */
  interrupt(): void {
    this.child.kill("SIGINT");
  }

  /** SIGKILL to the CLI and all it started; with a pattern, only to those whose command line matches. */
  kill(only?: RegExp): void {
    const { pid } = this.child;
    if (pid === undefined || this.over) return;
    const processes = only ? family(pid).filter((one) => only.test(commandLine(one))) : family(pid);
    if (processes.length === 0) throw new Error(`none of its processes matches ${String(only)}`);
    for (const one of processes) {
      try {
        process.kill(one, "SIGKILL");
      } catch {
        // it ended by itself
      }
    }
  }
}

/** An `up` whose operator is killed when a step begins, or ends; whoever comes next finds no lock of theirs. */
export async function killedAt(
  step: RegExp,
  state: Progress["state"] = "begins",
  meanwhile = () => {},
): Promise<void> {
  const operator = new Operator();
  const seen = await operator.until((one) => one.state === state && step.test(one.step));
  if (seen) meanwhile();
  operator.kill();
  const { output } = await operator.result;
  assert.ok(seen, `no step that matches ${String(step)} ${state}:\n${output}`);
  must("pulumi cancel --yes");
}

/** A process and all its descendants: plugins have process groups of their own. */
function family(pid: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), parent: parentOf(name) }));
  const grow = (of: number): number[] => [
    of,
    ...parents.filter(({ parent }) => parent === of).flatMap((child) => grow(child.pid)),
  ];
  return grow(pid);
}

function parentOf(pid: string): number {
  try {
    // The name in parentheses may hold anything.
    return Number(
      readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")[1],
    );
  } catch {
    return 0;
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
