import assert from "node:assert/strict";
import type { NodePlan } from "../../config/plan";
import { maintain } from "../../ssh/maintain";
import type { MaintainAction } from "../../steps/maintain";
import { generateKeys, SshServer } from "../plugins/sshServer";

const { private: privateKey, public: publicKey } = generateKeys();
const boots = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];

describe("a machine whose maintenance is due", function () {
  this.timeout(20_000);
  let server: SshServer;
  beforeEach(async () => {
    server = await SshServer.listen();
    server.authorized.push(publicKey);
  });
  afterEach(() => server.close());

  const says = (state: string, boot = 0) =>
    `printf '\\ngroundwork-report: {"state":"${state}","boot":"${boots[boot]}"}\\n'`;
  const dies = (words: string) =>
    `printf '\\ngroundwork: maintain failed on worker-01 (10.0.0.21): ${words}\\n' >&2; exit 1`;
  /** The connection goes, and the answer with it. */
  const cut = "kill -9 $$";

  /**
   * Of a machine that answers each action with the next of these programs, and the last one again.
   * @param fails which of those around says no
   */
  async function maintained(
    answers: Partial<Record<MaintainAction, string[]>>,
    { fails, onLook }: { readonly fails?: string; readonly onLook?: () => void } = {},
  ) {
    const { port, hostKey } = server;
    const ssh = { host: "127.0.0.1", port, user: "root", hostKey, privateKey };
    const node = { name: "worker-01", ip: "10.0.0.21", ssh } as NodePlan;
    const order: string[] = [];
    const told: string[] = [];
    const step =
      (name: string) =>
      (boot = ""): Promise<void> => {
        order.push(`${name} ${boots.indexOf(boot)}`.replace(" -1", ""));
        return name === fails ? Promise.reject(new Error(`${name} says no`)) : Promise.resolve();
      };
    const program = (action: MaintainAction) => {
      order.push(action);
      if (action === "look") onLook?.();
      const [next = "exit 9", ...others] = answers[action] ?? [];
      if (others.length > 0) answers[action] = others;
      return next;
    };
    const said = await maintain(node, program, {
      before: [() => step("ceph-away")(), () => step("leave")()],
      after: [step("ceph-back"), step("rejoin")],
      restarted: () => void order.push("restarted"),
      tell: (words) => void told.push(words),
    }).then(
      () => "",
      ({ message }: Error) => message,
    );
    return { order, said, told };
  }

  const whole = {
    look: [says("due"), says("going"), says("back", 1)],
    fetch: [says("due")],
    restart: [says("going")],
    done: [says("done", 1)],
  };

  it("fetches, is let go, restarts, is looked at by all as it is then, and is done", async () => {
    const { order, said } = await maintained({ ...whole });
    assert.equal(said, "");
    assert.deepEqual(order, [
      ...["look", "fetch", "ceph-away", "leave", "restart", "look", "look", "restarted"],
      ...["ceph-back 1", "rejoin 1", "done"],
    ]);
  });

  it("that had it is asked once, and left alone", async () => {
    const { order, said } = await maintained({ look: [says("done")] });
    assert.deepEqual([order, said], [["look"], ""]);
  });

  it("goes on where a run was killed: it is not emptied, or restarted, twice", async () => {
    const going = await maintained({ ...whole, look: [says("going"), says("back", 1)] });
    assert.deepEqual(going.order.slice(0, 3), ["look", "restart", "look"]);
    const back = await maintained({ ...whole, look: [says("back", 1)] });
    const after = ["restarted", "ceph-back 1", "rejoin 1", "done"];
    assert.deepEqual(back.order, ["look", ...after]);
    assert.deepEqual([going.said, back.said], ["", ""]);
  });

  it("is not troubled where its packages cannot be fetched", async () => {
    const { order, said } = await maintained({ ...whole, fetch: [dies("no mirror")] });
    assert.deepEqual(order, ["look", "fetch"]);
    assert.match(said, /groundwork: maintain failed on worker-01 .*: no mirror/);
  });

  it("is taken back by those who let it go where another does not", async () => {
    const { order, said } = await maintained({ ...whole }, { fails: "leave" });
    assert.deepEqual(order.slice(-2), ["ceph-back 0", "rejoin 0"]);
    assert.ok(!order.includes("restart"));
    assert.equal(said, "leave says no");
  });

  it("is taken back where its packages could not be upgraded", async () => {
    const { order, said } = await maintained({
      ...whole,
      look: [says("due")],
      restart: [dies("broken package")],
    });
    assert.deepEqual(order.slice(-4), ["restart", "look", "ceph-back 0", "rejoin 0"]);
    assert.match(said, /broken package/);
  });

  it("may cut the connection as it goes, and refuse others until it is back", async () => {
    let looks = 0;
    const { order, said } = await maintained(
      { ...whole, look: [says("due"), says("back", 1)], restart: [cut] },
      { onLook: () => void (looks++ === 1 && (server.refuse = 2)) },
    );
    assert.equal(said, "");
    assert.deepEqual(order.slice(-4), ["restarted", "ceph-back 1", "rejoin 1", "done"]);
    assert.equal(order.filter((what) => what === "leave").length, 1);
  });

  it("stays away, and is not done, where those who look at it do not find it whole", async () => {
    const { order, said } = await maintained({ ...whole }, { fails: "rejoin" });
    assert.equal(said, "rejoin says no");
    assert.ok(!order.includes("done"));
  });
});
