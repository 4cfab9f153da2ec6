import assert from "node:assert/strict";
import type { NodePlan } from "../../config/plan";
import { giveNetwork } from "../../ssh/network";
import type { NetworkAction } from "../../steps/network";
import { whoseCards } from "../../steps/network/cards";
import { generateKeys, SshServer } from "../plugins/sshServer";

const { private: privateKey, public: publicKey } = generateKeys();

/** Where nobody is, as one learns behind a jump host. */
const nowhere = "127.0.0.9";

describe("a machine that is given its network", function () {
  this.timeout(20_000);
  let server: SshServer;
  let jump: SshServer;
  beforeEach(async () => {
    [server, jump] = [await SshServer.listen(), await SshServer.listen()];
    for (const each of [server, jump]) each.authorized.push(publicKey);
  });
  afterEach(() => Promise.all([server.close(), jump.close()]));

  const at = ({ port, hostKey }: SshServer, host = "127.0.0.1") => {
    return { host, port, user: "root", hostKey, privateKey };
  };
  const node = (more: Partial<NodePlan["ssh"]> = {}, bootstrapAddress?: string) =>
    ({
      name: "worker-01",
      ip: "10.0.0.21",
      macAddresses: [],
      ssh: { ...at(server), ...more },
      network: { links: [], ...(bootstrapAddress !== undefined && { bootstrapAddress }) },
    }) as unknown as NodePlan;

  /** Gives it, to a machine that answers each action with the next of these programs, and the last one again. */
  async function give(of: NodePlan, answers: Partial<Record<NetworkAction, string[]>>) {
    const asked: string[] = [];
    const program = (action: NetworkAction) => {
      asked.push(action);
      const [next = "exit 9", ...others] = answers[action] ?? [];
      if (others.length > 0) answers[action] = others;
      return next;
    };
    const said = await giveNetwork(of, program, (message) => whoseCards(message, of, others)).then(
      () => "",
      ({ message }: Error) => message,
    );
    return { asked, said };
  }
  const others = [
    { name: "worker-07", macAddresses: ["52:54:00:00:00:77"] },
  ] as unknown as NodePlan[];
  const says = (state: string, words = "") =>
    `printf '\\ngroundwork-report: {"state":"${state}","seconds":2,"words":"${words}"}\\n'`;
  const dies = (words: string) =>
    `printf '\\ngroundwork: network failed on worker-01 (10.0.0.21): ${words}\\n' >&2; exit 1`;

  it("and has it is asked once, and left alone", async () => {
    const { asked, said } = await give(node(), { switch: [says("unchanged")] });
    assert.deepEqual([asked, said, server.dialled], [["switch"], "", 1]);
  });

  it("is confirmed over a connection that began when it had it", async () => {
    const { asked, said } = await give(node(), {
      switch: [says("switching")],
      look: [says("switching"), says("switched")],
      confirm: [says("confirmed")],
    });
    assert.deepEqual([asked, said], [["switch", "look", "look", "confirm"], ""]);
    assert.equal(server.dialled, 4, "a connection of before counts as one of after");
  });

  it("answers where it did before when its gateway does not, and that is told", async () => {
    const { asked, said } = await give(node(), {
      switch: [says("switching")],
      look: [says("switched"), says("returning"), says("former")],
      confirm: [dies("nobody answers at its gateway 10.0.0.1")],
    });
    assert.deepEqual(asked, ["switch", "look", "confirm", "look", "look"]);
    assert.match(
      said,
      /^\ngroundwork: network failed on worker-01 \(10\.0\.0\.21\): nobody answers at its gateway 10\.0\.0\.1\n {2}worker-01 has its former network again, and answers at 127\.0\.0\.1$/,
    );
  });

  it("whose network does not come up says why", async () => {
    const { said } = await give(node(), {
      switch: [says("switching")],
      look: [says("returning", "no such device"), says("former")],
    });
    assert.match(said, /its new network did not come up: no such device\n {2}what to do: compare /);
    assert.match(said, /has its former network again/);
  });

  it("is refused for its network cards, and named for whom it is", async () => {
    const { asked, said } = await give(node(), {
      switch: [
        dies("it has no network card; it has those of 52:54:00:00:00:66 52:54:00:00:00:77."),
      ],
    });
    assert.deepEqual(asked, ["switch"]);
    assert.match(said, /those of .*\n {2}by its network cards it is worker-07 of the file$/);
    const none = dies("it has those of 52:54:00:00:00:66.");
    assert.doesNotMatch((await give(node(), { switch: [none] })).said, /by its network cards/);
    const [itself] = others;
    assert.ok(itself);
    assert.equal(whoseCards("it has those of 52:54:00:00:00:77", itself, others), undefined);
    const preflight = "is on the machine, which has: 00:00:00:00:00:00 52:54:00:00:00:77 ";
    assert.match(
      whoseCards(preflight, node(), others) ?? "",
      /^by its network cards it is worker-07 /,
    );
  });

  it("is found at its bootstrap address, where nobody has its own", async () => {
    const bastion = at(jump);
    const found = await give(node({ host: nowhere, bastion }, "127.0.0.1"), {
      switch: [says("unchanged")],
    });
    assert.deepEqual([found.asked, found.said], [["switch", "switch"], ""]);
    const lost = await give(node({ host: nowhere, bastion }, "127.0.0.8"), {});
    assert.match(lost.said, /worker-01 \(127\.0\.0\.8:\d+\) does not answer over SSH/);
    assert.match(
      lost.said,
      /It is worker-01's bootstrap_address; at 127\.0\.0\.9, where the machine is to answer, nobody does/,
    );
  });

  it("is not dialled at its bootstrap address where somebody else has its own", async () => {
    const { asked, said } = await give(node({ hostKey: jump.hostKey }, "127.0.0.1"), {});
    assert.deepEqual(asked, ["switch"]);
    assert.match(
      said,
      /^\ngroundwork: another machine than worker-01 seems to have the address 127\.0\.0\.1: host key mismatch; nothing was written\n {2}what to do: give one of them another address/,
    );
  });
});
