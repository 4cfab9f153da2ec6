import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";

const recipes = join(__dirname, "..", "..", "lab", "artifacts", "recipes.sh");

function bash(script: string, ...args: string[]): string {
  const { stdout } = spawnSync("bash", ["-c", script, "bash", ...args], { encoding: "utf8" });
  return stdout.trim();
}

/** The path of a program that is installed on this machine. */
export function installed(program: string): string | undefined {
  return bash('command -v "$1"', program) || undefined;
}

/** The path of a program the lab has built of one of its Go modules; nothing is built for it. */
export function builtByLab(module: string, program: string): string | undefined {
  const path = join(bash('. "$1"; recipe "$2"; built_folder "$2"', recipes, module), program);
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}

/** What a test needs; where it is missing the test is left out, and the reason printed. */
export function need(context: Mocha.Context, found: string | undefined, reason: string): string {
  if (found === undefined) {
    console.log(`    left out, as ${reason}:`);
    return context.skip();
  }
  return found;
}

/** Runs a program to its end; what it printed is one text. */
export function run(program: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    timeout: 15_000,
    killSignal: "SIGKILL",
  });
  return { status, text: `${stdout}${stderr}` };
}
