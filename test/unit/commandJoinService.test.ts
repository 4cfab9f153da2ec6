import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type AuthenticationType, Client, type ParsedKey, Server, utils } from "ssh2";
import { JoinService } from "../../commands/joinService";
import type { NodePlan } from "../../config/plan";
import { Dialer } from "../../ssh/dial";
import { hostKey, lineOf, planOf, privateKey, sampleFile, withValue } from "./clusterSample";

describe("npm run join-service", function () {
  this.timeout(30_000);
  const [service, worker, stranger] = [privateKey(), privateKey(), privateKey()];
  let node: NodePlan;
  let port: number;
  let running: JoinService;
  let log: string[];
  const clients: (Client | Socket)[] = [];
  /** The machine's own SSH server. */
  let own: Server;

  beforeEach(async () => {
    let file = withValue(sampleFile(), ["nodes", 1, "via"], "call");
    file = withValue(file, ["nodes", 1, "host_key"], lineOf(worker));
    file = withValue(file, ["cluster", "join_service"], {
      host: "10.0.0.5",
      host_key: lineOf(service),
    });
    const callers = planOf(file).nodes.filter(({ calls }) => calls);
    node = callers[0] ?? assert.fail();
    log = [];
    running = new JoinService(callers, service, (line) => log.push(line));
    port = await running.listen(0, "127.0.0.1");
    own = new Server({ hostKeys: [worker] }, (connection) => {
      connection.on("error", () => {}).on("authentication", (context) => context.accept());
    });
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy();
    running.close();
    own.close();
  });

  const told = async (says: RegExp) => {
    for (let tries = 0; tries < 100; tries++) {
      if (log.some((line) => says.test(line))) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.fail(`${String(says)} is not in\n${log.join("\n")}`);
  };

  /** A machine that calls; its requests are answered as a machine's sshd would. */
  const call = (key: string | ParsedKey, username = "groundwork-join") =>
    new Promise<Client>((resolve, reject) => {
      const client = new Client();
      clients.push(client);
      client
        .on("ready", () => resolve(client))
        .on("error", reject)
        .on("tcp connection", (_, accept) => own.injectSocket(accept() as unknown as Socket))
        .connect({
          host: "127.0.0.1",
          port,
          username,
          authHandler: [{ type: "publickey", username, key } as unknown as AuthenticationType],
        });
    });
  const answers = (client: Client, address: string, at: number) =>
    new Promise<void>((resolve, reject) => {
      client.forwardIn(address, at, (error) => (error ? reject(error) : resolve()));
    });

  it("has a machine answer at its own address, where its host key is checked again", async () => {
    const { calls, ssh } = node;
    assert.ok(calls);
    await answers(await call(worker), calls.address, calls.port);
    await told(/^worker-01 has called, from /);
    const dialer = new Dialer({ connect: 5, ready: 5, attempts: 1 });
    try {
      await dialer.dial({ ...ssh, privateKey: stranger });
      await assert.rejects(
        dialer.dial({ ...ssh, privateKey: stranger, hostKey: hostKey(77) }),
        /host key mismatch/,
      );
    } finally {
      dialer.close();
    }
  });

  it("lets nobody answer anywhere else, or do anything else", async () => {
    const { calls } = node;
    assert.ok(calls);
    const client = await call(worker);
    for (const [address, at] of [
      ["0.0.0.0", calls.port],
      ["127.0.0.1", calls.port],
      [calls.address, 22],
      ["", calls.port],
    ] as const)
      await assert.rejects(answers(client, address, at), `${address}:${at}`);
    await assert.rejects(
      new Promise((resolve, reject) =>
        client.exec("id", (error, channel) => (error ? reject(error) : resolve(channel))),
      ),
    );
    await assert.rejects(
      new Promise((resolve, reject) =>
        client.forwardOut("127.0.0.1", 0, "127.0.0.1", port, (error, channel) =>
          error ? reject(error) : resolve(channel),
        ),
      ),
    );
  });

  it("refuses a key of no node, a public key without its private one, and says so", async () => {
    await assert.rejects(call(stranger), /authentication/);
    await told(/^refused 127\.0\.0\.1: no node of the file has its host key ssh-ed25519 /);
    await assert.rejects(call(worker, "root"), /authentication/);
    await told(/^refused 127\.0\.0\.1: it asks as another user/);
    const forged = utils.parseKey(worker);
    assert.ok(!(forged instanceof Error));
    const sign = forged.sign.bind(forged);
    forged.sign = (data, ...rest) => {
      const made = sign(data, ...rest);
      made[0] = (made[0] ?? 0) ^ 1;
      return made;
    };
    await assert.rejects(call(forged), /authentication/);
    await told(/^refused 127\.0\.0\.1: it does not have the private key of worker-01/);
  });

  it("serves the honest while others are slow, or talk nonsense", async () => {
    const { calls } = node;
    assert.ok(calls);
    for (let i = 0; i < 50; i++) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      clients.push(socket);
      if (i % 3 === 0) socket.write("GET / HTTP/1.1\r\n\r\n");
      if (i % 3 === 1) socket.write(Buffer.alloc(100_000, i));
    }
    await answers(await call(worker), calls.address, calls.port);
  });

  it("gives a machine that calls again its address, though its former call has not ended", async () => {
    const { calls } = node;
    assert.ok(calls);
    await answers(await call(worker), calls.address, calls.port);
    for (let tries = 0; ; tries++) {
      const client = await call(worker);
      const done = await answers(client, calls.address, calls.port).then(
        () => true,
        () => false,
      );
      if (done) break;
      assert.ok(tries < 5);
    }
  });
});
