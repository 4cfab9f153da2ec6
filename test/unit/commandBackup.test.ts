import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { stringify } from "yaml";
import { backup } from "../../commands/backup";
import { execute } from "../../commands/command";
import { generateKeys, SshServer } from "../plugins/sshServer";
import { sampleFile, withValue } from "./clusterSample";
import { written } from "./written";

const keys = generateKeys();
const state = JSON.stringify({ version: 3, deployment: { resources: [] } });

describe("npm run backup", () => {
  let folder: string;
  let identity: string;
  let server: SshServer;
  const { PATH } = process.env;
  const path = (name: string) => join(folder, name);
  /** A program of the operator's, and of the machine, which is the same here. */
  const program = (name: string, text: string) => {
    writeFileSync(path(name), `#!/bin/sh\n${text}\n`);
    chmodSync(path(name), 0o755);
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-backup-"));
    identity = await generateX25519Identity();
    server = await SshServer.listen();
    server.authorized.push(keys.public);
    process.env.PATH = `${folder}:${PATH}`;
    writeFileSync(path("operator"), keys.private);
    program("pulumi", `echo "$@" >${path("asked")}; echo '${state}'`);
    // What is to be brought is there already.
    program("sha256sum", "exit 0");
    program("python3", "exit 0");
    await cluster([await identityToRecipient(identity)]);
  });
  afterEach(async () => {
    process.env.PATH = PATH;
    await server.close();
    rmSync(folder, { recursive: true });
  });

  async function cluster(recipients: readonly string[]): Promise<void> {
    let file = withValue(sampleFile(), ["cluster", "etcd"], { snapshots: { recipients } });
    file = withValue(file, ["cluster", "ssh"], { private_key_file: "operator" });
    const [type, blob] = server.hostKey.split(" ");
    const at = { ssh: { host: "127.0.0.1", port: server.port }, host_key: `${type} ${blob}` };
    for (const [key, value] of Object.entries(at)) file = withValue(file, ["nodes", 0, key], value);
    writeFileSync(path("cluster.yaml"), stringify(file));
    return Promise.resolve();
  }
  const run = async (...args: string[]) => {
    let status = 0;
    let told = "";
    const said = await written("stderr", async () => {
      told = await written("stdout", async () => {
        status = await execute(backup, [...args, "--file", path("cluster.yaml")]);
      });
    });
    return { status, said, told };
  };

  it("writes the state that only the keys of the snapshots open", async () => {
    await run("--out", path("saved"), "--stack", "prod");
    assert.equal(readFileSync(path("asked"), "utf8"), "stack export --stack prod\n");
    const saved = readFileSync(path("saved"));
    assert.equal(saved.subarray(0, 21).toString(), "age-encryption.org/v1");
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    const opened = zstdDecompressSync(await decrypter.decrypt(saved)).toString();
    assert.equal(opened, `${state}\n`);
  });

  it("brings it to each master, and says where it is not", async () => {
    program("python3", `echo "$@" >${path("kept")}`);
    const { status, said, told } = await run();
    assert.equal(status, 0, said);
    assert.match(told, /^master-01 has state-\d{8}T\d{6}Z\.json\.zst\.age$/m);
    assert.match(
      readFileSync(path("kept"), "utf8"),
      /^-IB \S+\/snapshot --state state-\d{8}T\d{6}Z\.json\.zst\.age$/m,
    );
    program("python3", "echo 'groundwork: PUT 403' >&2; exit 1");
    const failed = await run();
    assert.equal(failed.status, 2);
    assert.match(failed.said, /master-01 \(127\.0\.0\.1\) does not keep the backup: .*PUT 403/);
    assert.match(failed.said, /the state was saved nowhere/);
  });

  it("saves nothing that everybody could read, and says what to do", async () => {
    await cluster([]);
    const { status, said } = await run();
    assert.equal(status, 2);
    assert.match(said, /names no key of age.*age-keygen/);
  });

  it("says what pulumi says", async () => {
    program("pulumi", "echo 'error: no stack selected' >&2; exit 255");
    const { status, said } = await run();
    assert.equal(status, 2);
    assert.match(said, /pulumi stack export fails: error: no stack selected/);
  });
});
