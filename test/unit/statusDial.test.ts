import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { NodePlan, SshTarget } from "../../config/plan";
import { askAll } from "../../status/ask";
import { Dialer } from "../../ssh/dial";
import { generateKeys, SshServer } from "../plugins/sshServer";

const { private: privateKey, public: publicKey } = generateKeys();

describe("the status, before it asks a machine", () => {
  let server: SshServer;
  let jump: SshServer;
  let dialer: Dialer;
  beforeEach(async () => {
    [server, jump] = [await SshServer.listen(), await SshServer.listen()];
    for (const each of [server, jump]) each.authorized.push(publicKey);
    dialer = new Dialer({ connect: 4, ready: 4, attempts: 1 });
  });
  afterEach(async () => {
    dialer.close();
    await Promise.all([server.close(), jump.close()]);
  });

  const at = ({ port, hostKey }: SshServer, different: Partial<SshTarget> = {}): SshTarget => ({
    host: "127.0.0.1",
    port,
    user: "root",
    hostKey,
    privateKey,
    ...different,
  });

  it("logs in with the file's key, by way of the jump host where there is one", async () => {
    await dialer.dial(at(server));
    await dialer.dial(at(server, { bastion: at(jump) }));
    assert.equal(jump.connections, 1);
  });

  it("is done with a machine whose key it cannot read", async () => {
    const hasty = new Dialer({ connect: 0.01, ready: 4, attempts: 1 });
    const left: unknown[] = [];
    const note = (error: unknown) => left.push(error);
    process.once("unhandledRejection", note);
    await assert.rejects(hasty.dial(at(server, { privateKey: "none" })), /Cannot parse privateKey/);
    await setTimeout(50);
    process.off("unhandledRejection", note);
    assert.deepEqual(left, [], "it would end the program");
  });

  it("talks to no machine, and to no jump host, that shows another host key", async () => {
    const stranger = { hostKey: jump.hostKey };
    await assert.rejects(dialer.dial(at(server, stranger)), /^Error: host key mismatch$/);
    const bastion = at(jump, { hostKey: server.hostKey });
    await assert.rejects(
      dialer.dial(at(server, { bastion })),
      /^Error: bastion 127\.0\.0\.1: host key mismatch$/,
    );
    assert.deepEqual(server.log.commands, []);
  });

  it("tells whose host key it is that differs, the machine's or the jump host's", async () => {
    const stranger = { hostKey: jump.hostKey };
    const wrong = at(jump, { hostKey: server.hostKey });
    for (const [ssh, who] of [
      [at(server, stranger), /^worker-01 \(127\.0\.0\.1\) shows another host key /],
      [at(server, { bastion: wrong }), /^the bastion of worker-01 .* shows another host key /],
    ] as const) {
      const [answer] = await askAll([{ name: "worker-01", ssh } as NodePlan]);
      assert.ok(answer && "failure" in answer && !answer.reached);
      assert.match(answer.failure, /host key mismatch$/);
      assert.match(answer.remedy ?? "nothing", who);
    }
  });

  it("leaves it to the judge what a machine means that is silent, but not a jump host", async () => {
    const off = at(jump);
    await jump.close();
    const silent = { name: "worker-01", ssh: off } as NodePlan;
    const behind = { name: "worker-02", ssh: at(server, { bastion: off }) } as NodePlan;
    const [one, two] = await askAll([silent, behind]);
    assert.ok(one && "failure" in one && two && "failure" in two);
    assert.equal(one.remedy, undefined);
    assert.match(two.remedy ?? "nothing", /^the bastion of worker-02 .* does not answer over SSH/);
    jump = await SshServer.listen();
  });

  it("tells what to do where its user may not become root", async () => {
    const folder = mkdtempSync(join(tmpdir(), "groundwork-sudo-"));
    const sudo = "#!/bin/sh\ncat >/dev/null; echo 'sudo: a password is required' >&2; exit 1\n";
    writeFileSync(join(folder, "sudo"), sudo, { mode: 0o755 });
    server.shell = (command) => `PATH=${folder}:$PATH; ${command}`;
    const node = { name: "worker-01", ssh: at(server, { user: "admin" }) } as NodePlan;
    const [answer] = await askAll([node]);
    rmSync(folder, { recursive: true });
    assert.ok(answer && "failure" in answer && answer.reached);
    assert.equal(answer.failure, "the script ended with status 1: sudo: a password is required");
    assert.match(answer.remedy ?? "nothing", /gives user admin no sudo without a password/);
  });

  it("runs one command there, as root", async () => {
    server.shell = () => "cat >/dev/null";
    for (const user of ["root", "admin"]) {
      const node = { name: "worker-01", ssh: at(server, { user }) } as NodePlan;
      const [answer] = await askAll([node]);
      assert.ok(answer && "failure" in answer && answer.reached, "it did not answer at all");
      assert.match(answer.failure, /^it printed nothing instead of a report$/);
    }
    const command = "timeout --kill-after=1 7 bash -s -- --report";
    assert.deepEqual(server.log.commands, [command, `sudo -n ${command}`]);
  });
});
