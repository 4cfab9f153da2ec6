import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { execute } from "../../commands/command";
import { seed } from "../../commands/seed";
import { lineOf, privateKey, sampleFile, withValue } from "./clusterSample";
import { written } from "./written";

interface UserData {
  disable_root?: boolean;
  users: ("default" | { name: string; sudo?: string; ssh_authorized_keys?: string[] })[];
  ssh_keys?: Record<string, string>;
  write_files: { path: string; permissions: string; content: string }[];
  runcmd: string[][];
}

interface Ignition {
  ignition: { version: string };
  passwd: { users: object[] };
  storage: { files: { path: string; mode: number; contents: { source: string } }[] };
  systemd: { units: { name: string; enabled?: boolean; contents?: string }[] };
}

describe("npm run seed", () => {
  const [operator, host] = [privateKey(), privateKey()];
  let folder: string;
  const path = (name: string) => join(folder, name);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-seed-"));
    writeFileSync(path("operator"), operator);
    writeFileSync(path("host"), host);
    let file = withValue(sampleFile(), ["nodes", 1, "via"], "call");
    file = withValue(file, ["nodes", 1, "host_key"], lineOf(host));
    file = withValue(file, ["cluster", "ssh"], { private_key_file: "operator", user: "steward" });
    writeFileSync(path("cluster.yaml"), stringify(file));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = (...args: string[]) =>
    written("stdout", async () => {
      assert.equal(await execute(seed, [...args, "--file", path("cluster.yaml")]), 0);
    });
  const fails = async (says: RegExp, ...args: string[]) => {
    let status = 0;
    const said = await written("stderr", async () => {
      status = await execute(seed, [...args, "--file", path("cluster.yaml")]);
    });
    assert.equal(status, 2);
    assert.match(said, says);
  };

  it("prints user data by which a machine calls all who take calls, and lets the operator in", async () => {
    const text = await run("worker-01");
    assert.match(text, /^#cloud-config\n/);
    const data = parse(text) as UserData;
    const [, user] = data.users;
    assert.ok(typeof user === "object");
    assert.deepEqual(user.ssh_authorized_keys, [`${lineOf(operator)} groundwork`]);
    assert.equal(user.name, "steward");
    assert.deepEqual(data.runcmd.at(-1), [
      ...["systemctl", "enable", "--now"],
      "groundwork-join@master-01",
    ]);
    assert.equal(data.ssh_keys, undefined);
    assert.doesNotMatch(text, /PRIVATE KEY/);
    assert.deepEqual(
      data.write_files.map(({ path, permissions }) => `${path} ${permissions}`),
      [
        "/etc/groundwork/join/ssh_config 0600",
        "/etc/groundwork/join/known_hosts 0600",
        "/etc/systemd/system/groundwork-join@.service 0644",
      ],
    );
  });

  it("has settings that ssh reads as they are meant", async () => {
    const data = parse(await run("worker-01")) as UserData;
    writeFileSync(path("ssh_config"), data.write_files[0]?.content ?? "", { mode: 0o600 });
    const { stdout, status, stderr } = spawnSync(
      "ssh",
      ["-G", "-F", path("ssh_config"), "master-01"],
      { encoding: "utf8" },
    );
    assert.equal(status, 0, stderr);
    for (const line of [
      "hostname 10.0.0.11",
      "port 7022",
      "user groundwork-join",
      "hostkeyalias master-01",
      "stricthostkeychecking true",
      "exitonforwardfailure yes",
      "identityfile /etc/ssh/ssh_host_ed25519_key",
    ])
      assert.ok(stdout.split("\n").includes(line), `${line} is not in\n${stdout}`);
    assert.match(stdout, /^remoteforward \[?127\.[\d.]+\]?:7023 \[?127\.0\.0\.1\]?:22$/m);
  });

  it("brings a host key that is the node's, and no other", async () => {
    const data = parse(await run("worker-01", "--host-key", path("host"))) as UserData;
    assert.equal(data.ssh_keys?.ed25519_private, host);
    await fails(
      /is the key ssh-ed25519 .*, and the host_key of worker-01 is another/,
      "worker-01",
      "--host-key",
      path("operator"),
    );
    await fails(/cannot be read/, "worker-01", "--host-key", path("nowhere"));
    writeFileSync(path("text"), "no key");
    await fails(/is not a private key without passphrase/, "worker-01", "--host-key", path("text"));
  });

  it("prints a script that a shell can read", async () => {
    const text = await run("worker-01", "--format", "script", "--host-key", path("host"));
    const { status, stderr } = spawnSync("sh", ["-n"], { input: text, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.match(text, /systemctl enable --now groundwork-join@master-01\n$/);
  });

  it("lets the operator in to a machine that is dialled, and has it call nobody", async () => {
    const data = parse(await run("master-01")) as Partial<UserData>;
    assert.deepEqual(Object.keys(data), ["users"]);
    assert.doesNotMatch(await run("master-01", "--format", "script"), /systemctl|join/);
    const { systemd, storage } = JSON.parse(
      await run("master-01", "--format", "ignition"),
    ) as Ignition;
    assert.deepEqual(systemd.units, []);
    assert.deepEqual(
      storage.files.map(({ path }) => path),
      ["/etc/sudoers.d/groundwork"],
    );
  });

  it("prints the same for Ignition", async () => {
    const text = await run("worker-01", "--format", "ignition", "--host-key", path("host"));
    const { ignition, passwd, storage, systemd } = JSON.parse(text) as Ignition;
    assert.match(ignition.version, /^3\./);
    assert.deepEqual(passwd.users, [
      {
        name: "steward",
        shell: "/bin/bash",
        sshAuthorizedKeys: [`${lineOf(operator)} groundwork`],
      },
    ]);
    const data = parse(await run("worker-01")) as UserData;
    const put = new Map(
      storage.files.map(({ path, mode, contents: { source } }) => [
        path,
        { mode, text: Buffer.from(source.replace("data:;base64,", ""), "base64").toString() },
      ]),
    );
    assert.deepEqual(put.get("/etc/ssh/ssh_host_ed25519_key"), { mode: 0o600, text: host });
    for (const { path, permissions, content } of data.write_files) {
      const unit = systemd.units.find(({ name }) => path.endsWith(`/${name}`));
      if (unit) assert.equal(unit.contents, content);
      else assert.deepEqual(put.get(path), { mode: parseInt(permissions, 8), text: content });
    }
    assert.deepEqual(systemd.units.at(-1), {
      name: "groundwork-join@master-01.service",
      enabled: true,
    });
  });

  it("is for nodes of the file, in a format that it knows", async () => {
    await fails(/nobody: no such node; of .* these are managed: master-01, worker-01/, "nobody");
    await fails(
      /--format iso is not known; give one of cloud-init, ignition, script/,
      "worker-01",
      "--format",
      "iso",
    );
  });
});
