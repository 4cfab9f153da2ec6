import assert from "node:assert/strict";
import type { NodePlan } from "../../config/plan";
import { runNow } from "../../ssh/runNow";
import { Wire } from "../../ssh/wire";
import { generateKeys, SshServer } from "../plugins/sshServer";

const { private: privateKey, public: publicKey } = generateKeys();

describe("a step that a hook runs on a machine", () => {
  let server: SshServer;
  beforeEach(async () => {
    server = await SshServer.listen();
    server.authorized.push(publicKey);
  });
  afterEach(() => server.close());
  const wire = (user = "root") => {
    const { port, hostKey } = server;
    const ssh = { host: "127.0.0.1", port, user, hostKey, privateKey };
    return new Wire({ name: "master-01", ip: "10.0.0.11", ssh } as NodePlan);
  };

  it("travels on standard input: nothing of it shows in process lists", async () => {
    const looks = '[ "$*" = create ] && [ "$(ps -o args= $$)" = "bash -s -- wire" ]\n';
    await runNow(wire(), "invite", looks);
    assert.equal(server.log.commands.at(-1), "timeout --kill-after=10 360 bash -s -- wire");
  });

  it("fails in its own words, of which none controls a terminal", async () => {
    const words = String.raw`echo 'master-01: 3' >&2; printf '\ngroundwork: invitation failed on master-01: \033[2Jx\n  what to do: y\n' >&2; exit 1`;
    await assert.rejects(runNow(wire(), "invite", words), {
      message: "\ngroundwork: invitation failed on master-01:  [2Jx\n  what to do: y",
    });
  });

  it("fails in sixty lines at most", async () => {
    const words = "echo 'groundwork: x' >&2; seq 1000 >&2; exit 1";
    await assert.rejects(runNow(wire(), "invite", words), ({ message }: Error) => {
      assert.equal(message.trim().split("\n").length, 60);
      return true;
    });
  });

  it("fails by the machine's name when it says nothing for itself", async () => {
    await assert.rejects(
      runNow(wire(), "invite", "echo maintenance; exit 3\n"),
      /^Error: \ngroundwork: invite ended on master-01 .* with status 3, and says "maintenance"\n {2}what to do: /,
    );
  });
});
