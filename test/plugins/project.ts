import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const repo = join(__dirname, "../..");
const pulumi = join(repo, ".lab/bin/pulumi");

/** Whether the lab has built Pulumi's CLI; says so where it has not. */
export function hasEngine(): boolean {
  const built = existsSync(pulumi);
  if (!built) console.log("    left out, as the lab has not built Pulumi's CLI (make nodes):");
  return built;
}

export const ended = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => child.once("close", resolve));

/** A Pulumi program in a folder of its own, run by the real engine with the lab's plugins and a state of its own. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), "project-"));

  /** @param files by name */
  constructor(name: string, files: Readonly<Record<string, string>>) {
    execFileSync(join(repo, "lab/plugins/build.sh"), [join(this.folder, "plugins")]);
    mkdirSync(join(this.folder, "state"));
    const all = {
      "Pulumi.yaml": `{ name: ${name}, runtime: nodejs }\n`,
      "package.json": `{ "name": "${name}", "main": "index.ts" }\n`,
      ...files,
    };
    for (const [file, text] of Object.entries(all)) this.write(file, text);
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text);
  }

  /** The program of a folder of docs/examples. */
  static ofExample(folder: string, name: string): Project {
    const example = join(repo, "docs/examples", folder);
    const files = readdirSync(example).map(
      (file) => [file, readFileSync(join(example, file), "utf8")] as const,
    );
    return new Project(name, Object.fromEntries(files));
  }

  /** Installs Groundwork as npm does from a package; of all else the project has what is here. */
  install(): void {
    const modules = join(this.folder, "node_modules");
    const own = join(modules, "groundwork");
    mkdirSync(own, { recursive: true });
    for (const name of readdirSync(join(repo, "node_modules")))
      symlinkSync(join(repo, "node_modules", name), join(modules, name));
    const npm = (...args: string[]) => execFileSync("npm", args, { cwd: repo, encoding: "utf8" });
    npm("run", "--silent", "prepare");
    const to = ["--pack-destination", this.folder];
    const packed = npm("pack", "--ignore-scripts", "--silent", ...to).trim();
    execFileSync("tar", ["-xzf", join(this.folder, packed), "--strip-components=1", "-C", own]);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  start(...args: string[]): ChildProcess & { readonly text: () => string } {
    const child = spawn(pulumi, ["--non-interactive", ...args], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        HOME: this.folder,
        PATH: `${join(this.folder, "plugins")}:${process.env.PATH}`,
        PULUMI_HOME: join(this.folder, "home"),
        PULUMI_BACKEND_URL: `file://${join(this.folder, "state")}`,
        PULUMI_CONFIG_PASSPHRASE: "test",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
        PULUMI_NODEJS_TRANSPILE_ONLY: "true",
      },
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => (text += chunk.toString()));
    }
    return Object.assign(child, { text: () => text });
  }

  /** What a command prints that must succeed. */
  async run(...args: string[]): Promise<string> {
    const child = this.start(...args);
    const code = await ended(child);
    assert.equal(code, 0, child.text());
    return child.text();
  }

  /** What a command prints that must fail. */
  async fail(...args: string[]): Promise<string> {
    const child = this.start(...args);
    assert.notEqual(await ended(child), 0, child.text());
    return child.text();
  }

  async configure(values: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, value] of Object.entries(values))
      await this.run("config", "set", name, value);
  }

  /** The state of the stack `dev`, as it lies there. */
  state(name: string): string {
    return readFileSync(join(this.folder, `state/.pulumi/stacks/${name}/dev.json`), "utf8");
  }
}
