import assert from "assert/strict";
import { type ChildProcess, execFileSync, spawn } from "child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "fs";
import { tmpdir } from "os";
import { join } from "path";
import { SshServer } from "./sshServer";

const repo = join(__dirname, "../..");
const pulumi = join(repo, ".lab/bin/pulumi");

const program = `
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import * as tls from "@pulumi/tls";

const config = new pulumi.Config();
const connection = { host: "127.0.0.1", port: config.requireNumber("port"), password: "secret" };
const key = new tls.PrivateKey("key", { algorithm: "ECDSA", ecdsaCurve: "P256" });
const ca = new tls.SelfSignedCert("ca", {
  privateKeyPem: key.privateKeyPem,
  subject: { commonName: "ca" },
  isCaCertificate: true,
  validityPeriodHours: 1,
  allowedUses: ["cert_signing"],
});
const password = new random.RandomPassword("password", { length: 16, special: false });
for (let i = 0; i < config.requireNumber("commands"); i++) {
  new command.remote.Command("command-" + i, {
    connection,
    create: config.get("create") ?? "cat",
    delete: i === 0 ? "echo deleted" : undefined,
    stdin: pulumi.interpolate\`\${password.result} \${config.get("text") ?? ""}\`,
    logging: "none",
    addPreviousOutputInEnv: false,
  }, { additionalSecretOutputs: ["stdout"] });
}
export const cert = ca.certPem;
export const secret = password.result;
`;

describe("the lab's plugins under the Pulumi engine", function () {
  this.timeout(120_000);
  let folder: string;
  let server: SshServer;

  before(async function () {
    if (!existsSync(pulumi)) {
      console.log("    left out, as the lab has not built Pulumi's CLI (make nodes):");
      return this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), "plugins-"));
    server = await SshServer.listen();
    execFileSync(join(repo, "lab/plugins/build.sh"), [join(folder, "plugins")]);
    mkdirSync(join(folder, "state"));
    symlinkSync(join(repo, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, "Pulumi.yaml"), "{ name: sample, runtime: nodejs }\n");
    writeFileSync(join(folder, "package.json"), '{ "name": "sample", "main": "index.ts" }\n');
    writeFileSync(join(folder, "index.ts"), program);
    await run("stack", "init", "dev");
    await configure({ port: String(server.port), commands: "60" });
  });
  after(async () => {
    if (!folder) return;
    await server.close();
    rmSync(folder, { recursive: true });
  });

  function start(...args: string[]): ChildProcess & { readonly text: () => string } {
    const child = spawn(pulumi, [...args, "--non-interactive"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        HOME: folder,
        PATH: `${join(folder, "plugins")}:${process.env.PATH}`,
        PULUMI_HOME: join(folder, "home"),
        PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
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

  async function run(...args: string[]): Promise<string> {
    const child = start(...args);
    const code = await ended(child);
    assert.equal(code, 0, child.text());
    return child.text();
  }

  const ended = (child: ChildProcess) =>
    new Promise<number | null>((resolve) => child.once("close", resolve));
  const up = () => run("up", "--yes", "--skip-preview", "--suppress-progress");
  async function configure(values: Record<string, string>): Promise<void> {
    for (const [name, value] of Object.entries(values)) await run("config", "set", name, value);
  }

  it("creates everything, and keeps no secret in plain in the state", async () => {
    assert.match(await run("preview"), /\+ 64 to create/);
    assert.match(await up(), /\+ 64 created/);
    assert.equal(server.log.commands.length, 60);
    const secret = (await run("stack", "output", "secret", "--show-secrets")).trim().split("\n")[0];
    assert.match(secret ?? "", /^[A-Za-z0-9]{16}$/);
    const state = readFileSync(join(folder, "state/.pulumi/stacks/sample/dev.json"), "utf8");
    assert(!state.includes(secret ?? ""));
    assert.doesNotMatch(state, /PRIVATE KEY|"password":"secret"/);
  });

  it("does nothing when nothing changed", async () => {
    const began = Date.now();
    assert.match(await up(), /64 unchanged/);
    console.log(`      up without changes, 64 resources: ${Date.now() - began} ms`);
    assert.match(await run("refresh", "--yes", "--skip-preview"), /64 unchanged/);
    assert.equal(server.log.commands.length, 60);
  });

  it("runs what changed, and deletes what is gone", async () => {
    await configure({ text: "more", commands: "2" });
    assert.match(await up(), /~ 2 updated\n.*- 58 deleted/);
    assert.equal(server.log.commands.length, 62);
  });

  it("shows a failed command and goes on from there the next time", async () => {
    await configure({ create: "echo nothing; exit 7" });
    const child = start("up", "--yes", "--skip-preview");
    assert.notEqual(await ended(child), 0);
    assert.match(
      child.text(),
      /Process exited with status 7: running "echo nothing; exit 7":\s+nothing/,
    );
    await configure({ create: "cat" });
    // What failed to change is as it was before.
    assert.match(await up(), /6 unchanged/);
  });

  it("ends at an interrupt, after the command that runs", async () => {
    await configure({ create: "sleep 1" });
    const child = start("up", "--yes", "--skip-preview");
    await until(() => server.log.commands.includes("sleep 1"));
    child.kill("SIGINT");
    assert.notEqual(await ended(child), 0);
    assert.deepEqual(processesOf(folder), []);
  });

  it("leaves no process behind when the engine is killed", async () => {
    await configure({ create: "sleep 3" });
    const child = start("up", "--yes", "--skip-preview");
    await until(() => server.log.commands.includes("sleep 3"));
    child.kill("SIGKILL");
    await ended(child);
    await until(() => processesOf(folder).length === 0);
    await run("cancel", "--yes");
    await configure({ create: "cat" });
  });

  it("destroys with the connection in the state", async () => {
    assert.match(await run("destroy", "--yes", "--skip-preview"), /- 6 deleted/);
    assert.equal(server.log.commands.filter((command) => command === "echo deleted").length, 1);
  });
});

/** Command lines of the processes that were started from `folder`. */
function processesOf(folder: string): string[] {
  const all = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n");
  return all.filter((line) => line.includes(`${folder}/plugins/`));
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!condition()) {
    assert(Date.now() < deadline, "it did not happen within 15 s");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
