import assert from "node:assert/strict";
import type { NodePlan } from "../../config/plan";
import { runOn } from "../../ssh/runOn";
import { generateKeys, SshServer } from "../plugins/sshServer";

const { private: privateKey, public: publicKey } = generateKeys();

describe("a program that a hook runs on a machine", () => {
  let server: SshServer;
  beforeEach(async () => {
    server = await SshServer.listen();
    server.authorized.push(publicKey);
  });
  afterEach(() => server.close());
  const node = (user = "root") => {
    const { port, hostKey } = server;
    const ssh = { host: "127.0.0.1", port, user, hostKey, privateKey };
    return { name: "master-01", ip: "10.0.0.11", ssh } as NodePlan;
  };

  it("travels on standard input: nothing of it shows in process lists", async () => {
    await runOn(
      node(),
      "invite",
      '[ "$*" = create ] && [ "$(ps -o args= $$)" = "bash -s -- create" ]\n',
    );
    assert.deepEqual(server.log.commands, ["timeout --kill-after=10 360 bash -s -- create"]);
    while (server.connections > 0) await new Promise(setImmediate);
  });

  it("fails in its own words, of which none controls a terminal", async () => {
    const words = String.raw`echo 'master-01: 3' >&2; printf '\ngroundwork: invite failed on master-01: \033[2Jx\n  what to do: y\n' >&2; exit 1`;
    await assert.rejects(runOn(node(), "invite", words), {
      message: "\ngroundwork: invite failed on master-01:  [2Jx\n  what to do: y",
    });
  });

  it("fails by the machine's name when it cannot run, or does not come to its end", async () => {
    for (const [shell, says] of [
      ["echo 'sudo: a password is required' >&2; exit 1", /master-01 .* gives user admin no sudo/],
      [
        "echo maintenance; exit 3",
        /invite ended on master-01 .* with status 3, and says "maintenance"/,
      ],
    ] as const) {
      server.shell = () => shell;
      await assert.rejects(runOn(node("admin"), "invite", "exit 0"), says);
    }
    server.authorized.length = 0;
    await assert.rejects(
      runOn(node(), "invite", "exit 0"),
      /master-01 .* does not let user root in/,
    );
  });
});
