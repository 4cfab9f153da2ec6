import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { SshConfig } from "../../config/sshConfig";
import {
  type FileData,
  hostKey,
  planOf,
  privateKey,
  problemsOf,
  sampleFile,
  withValue,
} from "./clusterSample";

const [common, own] = [privateKey(), privateKey()];
const keys = { common, own };

/** The sample with other SSH settings, of the cluster and of its second node, worker-01. */
function withSsh(ssh: object, node: object = {}): FileData {
  return withValue(withValue(sampleFile(), ["cluster", "ssh"], ssh), ["nodes", 1, "ssh"], node);
}

const sshOf = (file: FileData, files: Readonly<Record<string, string>>, name = "worker-01") => {
  const found = planOf(file, { ...keys, ...files }).nodes.find((node) => node.name === name);
  assert.ok(found);
  const { host, port, user, privateKey, sudoPassword, bastion } = found.ssh;
  return {
    ...{ host, port, user },
    key: privateKey === common ? "common" : privateKey === own ? "own" : privateKey,
    ...(sudoPassword !== undefined && { sudoPassword }),
    ...(bastion && { bastion }),
  };
};

describe("the jump host of a node", () => {
  const bastion = (host: string, more: object = {}) => ({ host, host_key: hostKey(90), ...more });

  it("is the cluster's, unless it has one of its own", () => {
    const file = withSsh(
      { private_key_file: "common", bastion: bastion("jump.example.org") },
      { bastion: bastion("10.9.9.9", { port: 2200, user: "ops", private_key_file: "own" }) },
    );
    const at = { hostKey: hostKey(90) };
    assert.deepEqual(sshOf(file, {}, "master-01").bastion, {
      ...at,
      ...{ host: "jump.example.org", port: 22, user: "root", privateKey: common },
    });
    assert.deepEqual(sshOf(file, {}).bastion, {
      ...at,
      ...{ host: "10.9.9.9", port: 2200, user: "ops", privateKey: own },
    });
  });

  it("is one: several are refused", () => {
    const file = withSsh({ private_key_file: "common", bastion: [bastion("a"), bastion("b")] });
    assert.deepEqual(problemsOf(file, keys), [
      "cluster.ssh.bastion: a list is not a mapping; give the one jump host that nodes are reached through",
    ]);
  });
});

describe("what sudo asks for", () => {
  const file = withSsh({ user: "admin", private_key_file: "common", sudo_password_file: "sudo" });

  it("is a file's first line, for every user who is not root", () => {
    for (const text of ["hunter 2", "hunter 2\n", "hunter 2\r\n"])
      assert.equal(sshOf(file, { sudo: text }).sudoPassword, "hunter 2");
    const one = withValue(file, ["nodes", 1, "ssh", "sudo_password_file"], "other");
    assert.equal(sshOf(one, { sudo: "a", other: "b" }).sudoPassword, "b");
    const root = withValue(file, ["nodes", 1, "ssh", "user"], "root");
    assert.equal(sshOf(root, { sudo: "a" }).sudoPassword, undefined);
  });

  const remedy = "write the password alone, in one line";
  for (const [text, says] of [
    ["", `holds no password (that is FOLDER/sudo); ${remedy}`],
    ["\nhunter2", `holds no password (that is FOLDER/sudo); ${remedy}`],
    ["hunter2\nhunter3\n", `holds more than one line (that is FOLDER/sudo); ${remedy}`],
    ["hun\tter2\n", `holds control characters (that is FOLDER/sudo); ${remedy}`],
  ] as const)
    it(`is refused without being shown: ${JSON.stringify(text)}`, () => {
      const [line = "", ...more] = problemsOf(file, { ...keys, sudo: text });
      assert.deepEqual(more, []);
      assert.equal(
        line.replace(/that is \/.*\/sudo/, "that is FOLDER/sudo"),
        `cluster.ssh.sudo_password_file: sudo ${says}`,
      );
    });

  it("has a file, and is not for root", () => {
    const [line = ""] = problemsOf(file, keys);
    assert.match(
      line,
      /sudo_password_file: sudo is no file .*; give the path of a file with the pass/,
    );
    const says = "is not for root, who needs no sudo; remove it, or set user";
    assert.deepEqual(
      problemsOf(withSsh({ private_key_file: "common", sudo_password_file: "sudo" }), {
        ...keys,
        sudo: "a",
      }),
      [`cluster.ssh.sudo_password_file: sudo ${says}`],
    );
    const node = withValue(file, ["nodes", 1, "ssh"], { user: "root", sudo_password_file: "sudo" });
    assert.deepEqual(problemsOf(node, { ...keys, sudo: "a" }), [
      `nodes[1].ssh.sudo_password_file: sudo ${says}`,
    ]);
  });
});

describe("a file in the form of ~/.ssh/config", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-ssh-"));
    writeFileSync(join(folder, "id"), own, { mode: 0o600 });
  });
  after(() => rmSync(folder, { recursive: true }));

  const configured = (ssh: object = {}, node: object = {}) =>
    withSsh({ config_file: "config", ...ssh }, node);
  const text = (...lines: string[]) => ({ config: `${lines.join("\n")}\n` });

  it("says how a node is reached, by its name", () => {
    const config = text(
      "# ours",
      "Host worker-01 w1",
      "  HostName=10.1.1.21",
      "  Port 2222",
      '\tUser "deploy"',
      `  IdentityFile ${folder}/%r`.replace("%r", "id"),
      "Host *",
      "  User nobody",
      `  IdentityFile ${folder}/id`,
    );
    assert.deepEqual(sshOf(configured(), config), {
      ...{ host: "10.1.1.21", port: 2222, user: "deploy", key: "own" },
    });
    assert.deepEqual(sshOf(configured(), config, "worker-02"), {
      ...{ host: "10.0.0.22", port: 22, user: "nobody", key: "own" },
    });
  });

  it("says it by ssh.host where that is given, and by the address; what the file has itself counts", () => {
    const config = text(
      "Host alias",
      "  HostName %h.example.org",
      "  User deploy",
      "Host 10.0.0.2? !10.0.0.21",
      "  Port 2200",
    );
    const file = configured({ private_key_file: "common" }, { host: "alias", user: "ops" });
    assert.deepEqual(sshOf(file, config), {
      ...{ host: "alias.example.org", port: 22, user: "ops", key: "common" },
    });
    assert.equal(sshOf(file, config, "worker-02").port, 2200);
  });

  it("includes others, and what only ssh can tell does not hold", () => {
    writeFileSync(join(folder, "a.conf"), "Host worker-01\n  User included\n");
    const config = text(
      `Include ${folder}/*.conf ${folder}/none`,
      'Match exec "touch /nowhere"',
      "  User executed",
      "Match host worker-0?",
      "  Port 2022",
    );
    writeFileSync(join(folder, "none"), "");
    const file = configured({ private_key_file: "common" });
    const { user, port } = sshOf(file, config);
    assert.deepEqual([user, port], ["included", 2022]);
  });

  it("says what ssh itself reads in it", () => {
    const lines = [
      `Include ${folder}/deep.conf`,
      "Host worker-01 !worker-02",
      "  Hostname real.example.org",
      "Port 2201",
      "Host worker-*",
      "  User second",
      "  Port 2202",
      "Match originalhost worker-01,other",
      `  IdentityFile ${folder}/%h`,
      "Host *",
      "  User third",
      `  IdentityFile ${folder}/id`,
    ];
    writeFileSync(join(folder, "deep.conf"), "Host other\n  Port 1\n");
    writeFileSync(join(folder, "real.example.org"), own, { mode: 0o600 });
    writeFileSync(join(folder, "config"), `${lines.join("\n")}\n`);
    const args = ["-G", "-F", join(folder, "config"), "worker-01"];
    const shown = execFileSync("ssh", args, { encoding: "utf8" });
    const of = (keyword: string) => new RegExp(`^${keyword} (.*)$`, "m").exec(shown)?.[1];
    const ssh = sshOf(configured(), text(...lines));
    assert.deepEqual(
      [ssh.host, String(ssh.port), ssh.user],
      [of("hostname"), of("port"), of("user")],
    );
    assert.equal(ssh.key, "own");
    assert.match(of("identityfile") ?? "", /\/%h$/);
  });

  it("says what ssh itself reads in files that include others within a block", () => {
    const file = (name: string, ...lines: string[]) => {
      const path = join(folder, name);
      writeFileSync(path, `${lines.join("\n")}\n`);
      return path;
    };
    const all = file("all", "Host *", "  User all");
    const deep = file("deep", "Port 2210", "Host lab-*", `  Include ${all}`, "  Port 2211");
    const empty = file("empty", "");
    const last = ["Host *", "  User last", "  Port 2299"];
    for (const lines of [
      ["Host prod-*", `  Include ${all}`, "  Port 2201", ...last],
      ["Host prod-*", `  Include ${deep}`, ...last],
      ["Host *-1", `  Include ${deep}`, "  User behind", ...last],
      ["Match host lab-2", `  Include ${deep} ${all}`, ...last],
      [`Include ${all}`, "Host lab-1", "  Port 2202", ...last],
      [
        ...["Host prod-1", "  User root", `# Include ${empty}`, "Host lab-1", "  Port 2200"],
        ...[`Include ${empty}`, "  User labuser", ...last],
      ],
      [
        "Host lab-1",
        "  Port 1",
        `Include ${empty}`,
        "Host prod-1",
        `Include ${empty}`,
        "User b",
      ].concat(last),
    ]) {
      const path = file("within", ...lines);
      const config = new SshConfig(path, "/");
      for (const host of ["lab-1", "lab-2", "prod-1"]) {
        const shown = execFileSync("ssh", ["-G", "-F", path, host], { encoding: "utf8" });
        const of = (keyword: string) => new RegExp(`^${keyword} (.*)$`, "m").exec(shown)?.[1];
        const { user, port } = config.settings(host);
        assert.deepEqual(
          [user, String(port)],
          [of("user"), of("port")],
          `${host}: ${lines.join("; ")}`,
        );
      }
    }
    const named = (host: string) =>
      new SshConfig(file("within", "Host prod-*", `Include ${deep}`), "/").settings(host).named;
    assert.deepEqual(["lab-1", "prod-1"].map(named), [false, true]);
  });

  describe("is read as ssh itself reads it, which", () => {
    const user = userInfo().username;
    for (const [what, lines] of Object.entries({
      "goes on without what an Include does not find": ["Include FOLDER/gone", "User found"],
      "includes files and passes over folders": ["Include FOLDER/sub", "Include FOLDER/s*/config"],
      "includes by patterns in every folder": ["Include FOLDER/*/conf?g"],
      "includes by sets of characters": ["Include FOLDER/sub/[a-c]onfig"],
      "includes no hidden file": ["Include FOLDER/hid/*", "User found"],
      "has a Match hold that denies": ["Match !host other", "User found"],
      "has a Match not hold that denies": ["Match !host w1", "User lost"],
      "has a Match ask for several": ["Match host w1 !user other", "User found"],
      "has a Match ask in one word": ["Match host=w*,!w2", "User found"],
      "has a Match ask for the real name": [
        "Hostname real",
        ...["Match host real", "User found", "Match originalhost w1", "Port 2201"],
        ...["Match host w1", "IdentityFile lost"],
      ],
      "asks a Match where it stands": ["Match host w1", "Hostname real", "User found"],
      "has a Match ask whatever the case": ["Match host W1", "User found"],
      "has a Match ask for the user": [
        ...["Match user ops", "Port 1", `Match user ${user}`, "Port 2", "User ops"],
        ...["Match user ops", "Hostname real"],
      ],
      "has a Match ask for the local user": [`Match localuser ${user}`, "User found"],
      "has a Match all": ["Match all", "User found"],
      "reads twice where a Match is final": [
        ...["Match final", "User lost", "Port 2201", "Match host real", "Hostname last"],
        ...["Match all", "User found", "Hostname real"],
      ],
      "has no Match that is canonical": ["Match canonical", "User lost", "Match all", "Port 2"],
      "has no Match by what runs": ["Match exec false", "User lost"],
      "takes a ProxyCommand that comes first": ["ProxyCommand nc %h", "ProxyJump jump"],
      "takes a ProxyJump that comes first": ["ProxyJump jump", "ProxyCommand nc %h"],
      "takes none as the first, too": ["ProxyCommand none", "ProxyJump jump"],
      "takes a ProxyCommand behind no jump": ["ProxyJump none", "ProxyCommand nc %h"],
      "takes no jump as the first, too": ["ProxyJump none", "ProxyJump jump"],
      "takes none as such whatever the case": ["ProxyJump NONE", "IdentityFile FOLDER/id"],
      "ends a line at a comment": ["Host w2 # w1", "User lost", "Host *", "User found # lost"],
      "takes single quotes": ["User 'found'"],
      "has percent signs in names": ["Hostname %%h.%h"],
    }))
      it(what, () => {
        for (const name of ["sub", "hid"]) mkdirSync(join(folder, name), { recursive: true });
        writeFileSync(join(folder, "sub/config"), "User found\n");
        writeFileSync(join(folder, "hid/.config"), "User lost\n");
        const path = join(folder, "asked");
        writeFileSync(path, `${lines.join("\n").replaceAll("FOLDER", folder)}\n`);
        const shown = execFileSync("ssh", ["-G", "-F", path, "w1"], { encoding: "utf8" });
        const of = (keyword: string) => new RegExp(`^${keyword} (.*)$`, "m").exec(shown)?.[1];
        const settings = () => new SshConfig(path, "/").settings("w1");
        if (of("proxycommand") !== undefined) {
          assert.throws(settings, /has a ProxyCommand for w1/);
          return;
        }
        const { hostname = "w1", port = 22, jumps, identityFile, ...found } = settings();
        assert.deepEqual(
          [hostname, String(port), found.user ?? user, jumps.join() || undefined],
          [of("hostname"), of("port"), of("user"), of("proxyjump")],
        );
        if (identityFile !== undefined) assert.equal(identityFile, of("identityfile"));
      });
  });

  it("has the environment and ssh's own tokens in the paths of keys", () => {
    const path = join(folder, "asked");
    const identity = (written: string) => {
      writeFileSync(path, `User ops\nPort 2222\nHostname real\nIdentityFile ${written}\n`);
      return new SshConfig(path, "/").settings("w1").identityFile;
    };
    assert.equal(identity("${HOME}/.ssh/id"), `${process.env.HOME}/.ssh/id`);
    assert.equal(identity("/%h-%n-%p-%r-%%"), "/real-w1-2222-ops-%");
    assert.equal(identity("/${GROUNDWORK_NOWHERE}/id"), "/${GROUNDWORK_NOWHERE}/id");
  });

  it("takes patterns as ssh does, however many stars they have", () => {
    const path = join(folder, "stars");
    const fits = (pattern: string, host: string) => {
      writeFileSync(path, `Host ${pattern}\n  User fits\n`);
      return new SshConfig(path, "/").settings(host).user === "fits";
    };
    const began = Date.now();
    assert.ok(!fits(`${"*a".repeat(40)}*b`, "a".repeat(200)));
    assert.ok(Date.now() - began < 1000);
    for (const [pattern, host, does] of [
      ["***", "a", true],
      ["a*", "a", true],
      ["a?", "a", false],
      ["?", "a", true],
      ["*b*c", "abcbc", true],
      ["*bc*b", "abcbc", false],
      ["a.c", "abc", false],
      ["a*b*", "axxb", true],
    ] as const)
      assert.equal(fits(pattern, host), does, `${pattern} ${host}`);
  });

  describe("with a ProxyJump", () => {
    const known = (...lines: string[]) => {
      writeFileSync(join(folder, "known"), `${lines.join("\n")}\n`);
      return [`  UserKnownHostsFile ${folder}/known`];
    };
    const file = configured({ private_key_file: "common" });

    it("goes through it, whose key known_hosts has", () => {
      const hashed = () => {
        const path = join(folder, "hashed");
        writeFileSync(path, `[10.9.9.9]:2200 ${hostKey(90)}\n`);
        execFileSync("ssh-keygen", ["-q", "-H", "-f", path], { stdio: "ignore" });
        return readFileSync(path, "utf8").trim();
      };
      for (const line of [`[10.9.9.9]:2200 ${hostKey(90)}`, hashed()]) {
        const config = text(
          "Host worker-01",
          "  ProxyJump jump",
          "Host jump",
          "  HostName 10.9.9.9",
          "  Port 2200",
          "  User ops",
          ...known(`10.9.9.8 ${hostKey(91)}`, line),
        );
        assert.deepEqual(sshOf(file, config).bastion, {
          ...{ host: "10.9.9.9", port: 2200, user: "ops" },
          ...{ hostKey: hostKey(90), privateKey: common },
        });
        assert.equal(sshOf(file, config, "master-01").bastion, undefined);
      }
    });

    it("is refused where there is no key, where two are in a row, and where it is a program", () => {
      const problem = (...lines: string[]) => problemsOf(file, { ...keys, ...text(...lines) });
      const at = "cluster.ssh.config_file: config ";
      assert.deepEqual(problem("Host worker-01", "  ProxyJump jump", ...known()), [
        `${at}has a ProxyJump to jump, and its known_hosts no key of it that can be pinned; log in once by 'ssh jump' and compare the key, or give ssh.bastion with host_key`,
      ]);
      const two =
        `${at}leads through a and b in a row, and a step's SSH client goes through one jump host; ` +
        `open 'ssh -N -L 127.0.0.1:2222:b:22 a', and give ssh.bastion with host: localhost, port: 2222 and b's host_key`;
      assert.deepEqual(problem("Host worker-01", "  ProxyJump a,b"), [two]);
      assert.deepEqual(problem("Host worker-01", "  ProxyJump b", "Host b", "ProxyJump a"), [two]);
      assert.deepEqual(problem("Host worker-01", "  ProxyCommand nc %h %p"), [
        `${at}has a ProxyCommand for worker-01, and steps cannot run it; give ProxyJump instead, or ssh.bastion in the cluster file`,
      ]);
    });
  });

  it("has to be there, and to name a key for every node, unless there is an agent", () => {
    const [line = ""] = problemsOf(configured({ private_key_file: "common" }), keys);
    assert.match(
      line,
      /config_file: config cannot be read \(that is .*\/config\): ENOENT; give a file/,
    );
    const config = text("Host worker-01", `  IdentityFile ${folder}/id`);
    assert.deepEqual(problemsOf(configured(), config), [
      "cluster.ssh: names no key to log in with; give private_key_file, or agent: true for ssh-agent",
    ]);
    assert.equal(sshOf(configured({ agent: true }), config).key, undefined);
    const wrong = text("Host *", "  IdentityFile /nonexistent/id");
    assert.match(
      problemsOf(configured(), wrong)[0] ?? "",
      /config_file: \/nonexistent\/id is no file; give the path of an SSH private key/,
    );
  });
});
