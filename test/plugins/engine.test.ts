import assert from "assert/strict";
import { execFileSync } from "child_process";
import { symlinkSync } from "fs";
import { join } from "path";
import { ended, hasEngine, Project, repo } from "./project";
import { SshServer } from "./sshServer";

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
  let project: Project;
  let server: SshServer;

  before(async function () {
    if (!hasEngine()) return this.skip();
    project = new Project("sample", { "index.ts": program });
    server = await SshServer.listen();
    symlinkSync(join(repo, "node_modules"), join(project.folder, "node_modules"));
    await project.run("stack", "init", "dev");
    await project.configure({ port: String(server.port), commands: "60" });
  });
  after(async () => {
    // There is none without an engine.
    if (!(project as Project | undefined)) return;
    await server.close();
    project.remove();
  });

  const run = (...args: string[]) => project.run(...args);
  const start = (...args: string[]) => project.start(...args);
  const configure = (values: Record<string, string>) => project.configure(values);
  const up = () => run("up", "--yes", "--skip-preview", "--suppress-progress");

  it("creates everything, and keeps no secret in plain in the state", async () => {
    assert.match(await run("preview"), /\+ 64 to create/);
    assert.match(await up(), /\+ 64 created/);
    assert.equal(server.log.commands.length, 60);
    const secret = (await run("stack", "output", "secret", "--show-secrets")).trim().split("\n")[0];
    assert.match(secret ?? "", /^[A-Za-z0-9]{16}$/);
    const state = project.state("sample");
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
    assert.deepEqual(processesOf(project.folder), []);
  });

  it("leaves no process behind when the engine is killed", async () => {
    await configure({ create: "sleep 3" });
    const child = start("up", "--yes", "--skip-preview");
    await until(() => server.log.commands.includes("sleep 3"));
    child.kill("SIGKILL");
    await ended(child);
    await until(() => processesOf(project.folder).length === 0);
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
