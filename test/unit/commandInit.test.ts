import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { execute } from "../../commands/command";
import { init } from "../../commands/init";
import { examine } from "../../config/read";
import { fingerprint } from "../../init/login";
import { mark } from "../../ssh/report";
import { generateKeys, SshServer } from "../plugins/sshServer";
import { factsOf } from "./initSample";
import { written } from "./written";

const { private: privateKey, public: publicKey } = generateKeys();

describe("npm run init", () => {
  const { HOME, SSH_AUTH_SOCK } = process.env;
  const { fetch } = globalThis;
  let folder: string;
  let servers: SshServer[];
  let file: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-init-"));
    file = join(folder, "cluster.yaml");
    mkdirSync(join(folder, ".ssh"));
    writeFileSync(join(folder, ".ssh/id_ed25519"), privateKey, { mode: 0o600 });
    process.env.HOME = folder;
    delete process.env.SSH_AUTH_SOCK;
    // No publisher is reached.
    globalThis.fetch = () => Promise.reject(new Error("it is far away"));
    servers = await Promise.all([1, 2, 3].map(() => SshServer.listen()));
    servers.forEach((server, i) => {
      server.authorized.push(publicKey);
      says(server, i + 11);
    });
  });
  afterEach(async () => {
    process.env.HOME = HOME;
    globalThis.fetch = fetch;
    if (SSH_AUTH_SOCK !== undefined) process.env.SSH_AUTH_SOCK = SSH_AUTH_SOCK;
    await Promise.all(servers.map((server) => server.close()));
    rmSync(folder, { recursive: true });
  });
  const says = (server: SshServer, number: number) => {
    const report = join(folder, `report-${server.port}`);
    writeFileSync(report, `Welcome\n${mark}${JSON.stringify(factsOf(number))}\n`);
    server.shell = () => `cat ${report}`;
  };
  const first = () => servers[0] ?? assert.fail();
  const logins = (of = servers) => of.map(({ port }) => `root@127.0.0.1:${port}`);

  /** What it prints, and the status it ends with. */
  const run = async (...args: string[]) => {
    let status = -1;
    let errors = "";
    const output = await written("stdout", async () => {
      errors = await written("stderr", async () => {
        status = await execute(init, ["--file", file, ...args]);
      });
    });
    return { status, output, errors };
  };
  /** What it refuses with. */
  const refused = async (...args: string[]) => {
    const { status, errors } = await run(...args);
    assert.equal(status, 2, errors);
    assert.ok(!existsSync(file), "the file is written");
    return errors;
  };

  it("takes over what all clusters of a site share, which wins, and keeps its own comments", async () => {
    const site = join(folder, "site.yaml");
    const sum = "a".repeat(64);
    writeFileSync(
      site,
      `cluster:\n  name: ours\n  ssh: { port: 2222 }\n  artifacts: { sha256: { mine: ${sum} } }\n  proxy: { http: "http://10.0.0.3:3128" }\n`,
    );
    const { status, errors } = await run("--yes", "--name", "prod", "--site", site, ...logins());
    assert.equal(status, 2, errors);
    assert.match(
      errors,
      /what would be .*cluster\.yaml has one problem:\n  cluster\.artifacts\.sha256\.mine: /,
    );
    writeFileSync(
      site,
      `cluster:\n  name: ours\n  ssh: { port: 2222 }\n  proxy: { http: "http://10.0.0.3:3128" }\n`,
    );
    const second = await run("--yes", "--name", "prod", "--site", site, ...logins());
    assert.equal(second.status, 0, second.errors);
    const text = readFileSync(file, "utf8");
    const { cluster, nodes } = parse(text) as {
      cluster: Record<string, unknown>;
      nodes: unknown[];
    };
    assert.deepEqual(
      [cluster.name, cluster.ssh, cluster.proxy, nodes.length],
      [
        "ours",
        { user: "root", port: 2222, private_key_file: ".ssh/id_ed25519" },
        { http: "http://10.0.0.3:3128" },
        3,
      ],
    );
    assert.match(text, /^# Written by `npm run init`/m);
    assert.match(text, /host_key: \S+ \S+ # SHA256:/);
  });

  it("logs in as the site does, where the argument does not say, and files are found from the site's folder", async () => {
    const [one, two, three] = servers;
    assert.ok(one && two && three);
    mkdirSync(join(folder, "shared/keys"), { recursive: true });
    const site = join(folder, "shared/site.yaml");
    writeFileSync(join(folder, "shared/keys/site"), privateKey, { mode: 0o600 });
    writeFileSync(join(folder, "shared/secret"), "secret\n", { mode: 0o600 });
    writeFileSync(
      site,
      `cluster:
  ssh: { user: ops, port: ${one.port}, private_key_file: keys/site, sudo_password_file: secret }
  registries: { "quay.io": { username: a, password_file: secret } }
`,
    );
    const { status, errors } = await run(
      ...["--yes", "--site", site, "127.0.0.1", `127.0.0.1:${two.port}`],
      `root@127.0.0.1:${three.port}`,
    );
    assert.equal(status, 0, errors);
    const users = servers.map(({ users }) => [...users]);
    assert.deepEqual(users, [["ops"], ["ops"], ["root"]]);
    const { cluster, nodes } = parse(readFileSync(file, "utf8")) as {
      cluster: { ssh: unknown; registries: unknown };
      nodes: { ssh: unknown }[];
    };
    assert.deepEqual(cluster.ssh, {
      user: "ops",
      port: one.port,
      private_key_file: "shared/keys/site",
      sudo_password_file: "shared/secret",
    });
    assert.deepEqual(cluster.registries, {
      "quay.io": { username: "a", password_file: "shared/secret" },
    });
    assert.deepEqual(
      nodes.map(({ ssh }) => ssh),
      [
        { host: "127.0.0.1" },
        { host: "127.0.0.1", port: two.port },
        { host: "127.0.0.1", port: three.port, user: "root" },
      ],
    );
  });

  for (const [what, content, says] of [
    ["names nodes", "cluster: { name: a }\nnodes: []\n", /a site has only cluster; remove nodes/],
    ["has nothing below cluster", "name: a\n", /a site has only cluster; remove name/],
    ["is no mapping", "- a\n", /it has no settings; put them below cluster/],
    ["is no YAML", "cluster: [\n", /line \d, column \d: .*; mend the YAML there/],
  ] as const) {
    it(`refuses a site that ${what}`, async () => {
      const site = join(folder, "site.yaml");
      assert.match(
        await refused("--site", site, "--yes", ...logins()),
        /there is no such file; give one/,
      );
      writeFileSync(site, content);
      assert.match(await refused("--site", site, "--yes", ...logins()), says);
    });
  }

  it("writes a file that is right as it is, with the keys that the machines showed", async () => {
    const { status, output, errors } = await run("--yes", "--name", "prod", ...logins());
    assert.equal(status, 0, errors);
    const text = readFileSync(file, "utf8");
    const { draft, issues } = examine(parse(text), folder);
    assert.deepEqual(
      issues.filter(({ path }) => path[2] !== "sha256"),
      [],
    );
    assert.equal(draft.cluster?.name, "prod");
    assert.match(text, /private_key_file: \.ssh\/id_ed25519\n/);
    assert.deepEqual(
      draft.nodes?.map((node) => node?.host_key),
      servers.map(({ hostKey }) => hostKey.split(" ").slice(0, 2).join(" ")),
    );
    for (const { hostKey } of servers) assert.ok(output.includes(fingerprint(hostKey)), output);
    assert.match(
      output,
      /cluster\.yaml is written\. .* nor do their publishers answer: 'npm run artifacts -- \S+ --fetch'/,
    );
  });

  it("writes nothing before somebody has compared the keys", async () => {
    const { status, output } = await run(...logins());
    assert.equal(status, 1);
    assert.match(output, /Compare each key .*ssh-keygen -lf[^]*run it again with --yes\.\n$/);
    assert.ok(!existsSync(file));
  });

  it("overwrites no file, and asks nobody then", async () => {
    writeFileSync(file, "mine");
    const { status, errors } = await run("--yes", ...logins());
    assert.equal(status, 2);
    assert.match(errors, /cluster\.yaml is there already, and is not overwritten; name another/);
    assert.equal(readFileSync(file, "utf8"), "mine");
    assert.equal(first().dialled, 0);
  });

  it("goes through a jump host, which the file then has with its key", async () => {
    const [jump, ...nodes] = servers;
    const bastion = `127.0.0.1:${jump?.port}`;
    const { status, errors } = await run("--yes", "--bastion", bastion, ...logins(nodes));
    assert.equal(status, 0, errors);
    const { bastion: hop } = (
      parse(readFileSync(file, "utf8")) as { cluster: { ssh: { bastion?: object } } }
    ).cluster.ssh;
    const host_key = jump?.hostKey.split(" ").slice(0, 2).join(" ");
    assert.deepEqual(hop, { host: "127.0.0.1", port: jump?.port, host_key });
    assert.equal(jump?.dialled, 1);
  });

  it("names every machine that does not let it in, and what to do", async () => {
    const [one, two, three] = servers;
    const all = logins();
    one?.authorized.splice(0);
    await two?.close();
    if (three) three.shell = () => "echo 'sudo: a password is required' >&2; exit 1";
    const errors = await refused("--yes", ...all);
    assert.match(
      errors,
      /\]:\d+: All configured authentication methods failed\n {2}what to do: it does not let root in: .*--identity FILE/,
    );
    assert.match(errors, /ECONNREFUSED.*\n {2}what to do: see that the machine is on/);
    assert.match(errors, /sudo: a password is required\n {2}what to do: give root sudo/);
  });

  it("names what a hardened server wants that we do not have", async () => {
    const [one] = servers;
    if (one) Object.assign(one, { methods: ["password"], authorized: [] });
    const sha1 = await SshServer.listen(false, { kex: ["diffie-hellman-group14-sha1"] });
    servers.push(sha1);
    const errors = await refused("--yes", ...logins());
    assert.match(errors, /what to do: it wants more than a key: .* for root in its sshd_config/);
    assert.match(errors, /what to do: add curve25519-sha256 to KexAlgorithms in its sshd_config/);
  });

  it("names a key outside the file's folder from home on, or by its whole path", async () => {
    const away = join(folder, "site");
    mkdirSync(away);
    file = join(away, "cluster.yaml");
    for (const [home, named] of [
      [folder, "~/.ssh/id_ed25519"],
      ["/nowhere", join(folder, ".ssh/id_ed25519")],
    ] as const) {
      process.env.HOME = home;
      const identity = join(folder, ".ssh/id_ed25519");
      assert.equal((await run("--yes", "--identity", identity, ...logins())).status, 0);
      assert.ok(readFileSync(file, "utf8").includes(`private_key_file: ${named}\n`));
      rmSync(file);
    }
  });

  it("goes on with the next key where no machine takes the first", async () => {
    const other = generateKeys();
    writeFileSync(join(folder, ".ssh/id_ed25519"), other.private, { mode: 0o600 });
    writeFileSync(join(folder, ".ssh/id_rsa"), privateKey, { mode: 0o600 });
    const { status, errors } = await run("--yes", ...logins());
    assert.equal(status, 0, errors);
    assert.match(readFileSync(file, "utf8"), /private_key_file: \.ssh\/id_rsa\n/);
  });

  it("talks to no machine that the operator knows by another key", async () => {
    const { hostKey } = servers[1] ?? assert.fail();
    writeFileSync(join(folder, ".ssh/known_hosts"), `[127.0.0.1]:${first().port} ${hostKey}\n`);
    const errors = await refused("--yes", ...logins());
    assert.match(
      errors,
      /shows another key than the one in your known_hosts[^]*ssh-keygen -R \[127\.0\.0\.1\]:\d+'[^]*do not go on/,
    );
    assert.deepEqual(first().log.commands, []);
  });

  it("refuses one machine under two names, as the file would", async () => {
    const errors = await refused("--yes", ...logins([first(), first()]));
    assert.match(
      errors,
      /what would be .*cluster\.yaml has[^]*is already the host key of nodes\[0\]/,
    );
  });

  it("refuses a machine that says something else", async () => {
    first().shell = () => "echo Welcome";
    assert.match(
      await refused("--yes", ...logins()),
      /it printed "Welcome" instead of a report\n {2}what to do: log in/,
    );
  });

  for (const [what, args, told] of [
    ["no key", ["10.0.0.1"], /^there is no key to log in with: .*--identity FILE/],
    ["a key that is none", ["--identity", "/dev/null", "10.0.0.1"], /^\/dev\/null is no file;/],
    [
      "a network that is none",
      ["--network", "10.0.0", "127.0.0.1:1"],
      /^--network 10\.0\.0 is not an IPv4 network;/,
    ],
    ["no machine", [], /^\[USER@\]HOST\[:PORT\]\.\.\. is missing; /],
  ] as const) {
    it(`refuses ${what}`, async () => {
      if (what === "no key") rmSync(join(folder, ".ssh"), { recursive: true });
      assert.match(await refused(...args), told);
    });
  }
});
