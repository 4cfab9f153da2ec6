import assert from "assert/strict";
import { commandPackage } from "../../lab/plugins/command/package";
import { Provider, secret } from "./provider";
import { SshServer } from "./sshServer";

const type = "command:remote:Command";

describe("the connections of the lab's remote.Command", () => {
  let provider: Provider;
  let server: SshServer;

  before(async () => {
    provider = await Provider.serve(commandPackage, type);
  });
  after(() => provider.close());
  beforeEach(async () => {
    server = await SshServer.listen();
  });
  afterEach(() => server.close());

  it("refuses another host key, and takes any if none is given", async () => {
    const other = await SshServer.listen();
    const wrong = server.connection({ hostKey: other.hostKey });
    await other.close();
    await assert.rejects(
      provider.create({ connection: wrong, create: "true" }),
      /ssh: handshake failed: ssh: host key mismatch/,
    );
    assert.deepEqual(server.log.commands, []);
    const anyKey = { host: "127.0.0.1", port: server.port, password: "secret" };
    await provider.create({ connection: secret(anyKey), create: "true" });
    assert.deepEqual(server.log.commands, ["true"]);
  });

  it("repeats failed dials up to the limit", async () => {
    server.refuse = 2;
    const patient = server.connection({ dialErrorLimit: 2 });
    await provider.create({ connection: patient, create: "true" });
    server.refuse = 3;
    await assert.rejects(
      provider.create({ connection: patient, create: "true" }),
      /after 2 failed attempts/,
    );
  });

  it("dials no longer than the resource's own timeout", async () => {
    server.refuse = Infinity;
    const endless = server.connection({ dialErrorLimit: -1 });
    const began = Date.now();
    await assert.rejects(provider.create({ connection: endless, create: "true" }, false, 1));
    assert(Date.now() - began < 5000);
  });

  it("goes through a proxy, whose host key is its own", async () => {
    const proxy = await SshServer.listen();
    const through = (hostKey: string) =>
      server.connection({
        proxy: {
          host: "127.0.0.1",
          port: proxy.port,
          password: "secret",
          hostKey,
          dialErrorLimit: 0,
        },
      });
    await provider.create({ connection: through(proxy.hostKey), create: "true" });
    assert.deepEqual(server.log.commands, ["true"]);
    await assert.rejects(
      provider.create({ connection: through(server.hostKey), create: "true" }),
      /proxy: .*ssh: handshake failed: ssh: host key mismatch/,
    );
    await proxy.close();
  });

  it("fails with an agent that does not answer, even if it has a password", async () => {
    const stale = server.connection({ agentSocketPath: "/nonexistent/agent" });
    await assert.rejects(
      provider.create({ connection: stale, create: "true" }),
      /dial unix \/nonexistent\/agent: connect ENOENT/,
    );
  });

  it("does not dial with a key that cannot be read, nor shows it", async () => {
    const broken = server.connection({ privateKey: "hunter2", dialErrorLimit: 10 });
    await assert.rejects(
      provider.create({ connection: broken, create: "true" }),
      /UNKNOWN: ssh: privateKey: Unsupported key format$/,
    );
  });

  it("says so when authentication fails, without showing the password", async () => {
    const failing = provider.create({
      connection: server.connection({ password: "hunter2" }),
      create: "true",
    });
    await assert.rejects(failing, (error: Error) => {
      assert.match(error.message, /ssh: handshake failed/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });

  it("hangs up after every command", async () => {
    await provider.create({ connection: server.connection(), create: "true" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(server.connections, 0);
  });

  it("fails when the connection is lost", async () => {
    const running = provider.create({ connection: server.connection(), create: "sleep 1" });
    const lost = assert.rejects(
      running,
      /exited without exit status or exit signal: running "sleep/,
    );
    while (server.log.commands.length === 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    server.drop();
    await lost;
  });

  it("fills in the connection's defaults, and names what is wrong with one", async () => {
    const checked = await provider.check({ connection: { host: "example" } });
    assert.deepEqual(checked.connection, {
      host: "example",
      port: 22,
      user: "root",
      dialErrorLimit: 10,
      perDialTimeout: 15,
    });
    await assert.rejects(
      provider.check({ create: "true" }),
      /Missing required property 'connection'/,
    );
    await assert.rejects(
      provider.check({ connection: secret({ host: "example", privatKey: "hunter2" }) }),
      (error: Error) => {
        assert.match(error.message, /^connection.privatKey: Unknown property/);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      },
    );
  });
});
