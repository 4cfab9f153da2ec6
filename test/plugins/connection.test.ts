import assert from "assert/strict";
import { secret } from "./provider";
import { useRemoteCommands } from "./remoteCommands";
import { SshServer } from "./sshServer";

describe("the connections of the lab's remote.Command", () => {
  const used = useRemoteCommands();

  it("refuses another host key, and takes any if none is given", async () => {
    const other = await SshServer.listen();
    const wrong = used.server.connection({ hostKey: other.hostKey });
    await other.close();
    await assert.rejects(
      used.provider.create({ connection: wrong, create: "true" }),
      /ssh: handshake failed: ssh: host key mismatch/,
    );
    assert.deepEqual(used.server.log.commands, []);
    const anyKey = { host: "127.0.0.1", port: used.server.port, password: "secret" };
    await used.provider.create({ connection: secret(anyKey), create: "true" });
    assert.deepEqual(used.server.log.commands, ["true"]);
  });

  it("repeats failed dials up to the limit", async () => {
    used.server.refuse = 2;
    const patient = used.server.connection({ dialErrorLimit: 2 });
    await used.provider.create({ connection: patient, create: "true" });
    used.server.refuse = 3;
    await assert.rejects(
      used.provider.create({ connection: patient, create: "true" }),
      /after 2 failed attempts/,
    );
  });

  it("dials no longer than the resource's own timeout", async () => {
    used.server.refuse = Infinity;
    const endless = used.server.connection({ dialErrorLimit: -1 });
    const began = Date.now();
    await assert.rejects(used.provider.create({ connection: endless, create: "true" }, false, 1));
    assert(Date.now() - began < 5000);
  });

  it("goes through a proxy, whose host key is its own", async () => {
    const proxy = await SshServer.listen();
    const through = (hostKey: string) =>
      used.server.connection({
        proxy: {
          host: "127.0.0.1",
          port: proxy.port,
          password: "secret",
          hostKey,
          dialErrorLimit: 0,
        },
      });
    await used.provider.create({ connection: through(proxy.hostKey), create: "true" });
    assert.deepEqual(used.server.log.commands, ["true"]);
    await assert.rejects(
      used.provider.create({ connection: through(used.server.hostKey), create: "true" }),
      /proxy: .*ssh: handshake failed: ssh: host key mismatch/,
    );
    await proxy.close();
  });

  it("fails with an agent that does not answer, even if it has a password", async () => {
    const stale = used.server.connection({ agentSocketPath: "/nonexistent/agent" });
    await assert.rejects(
      used.provider.create({ connection: stale, create: "true" }),
      /dial unix \/nonexistent\/agent: connect ENOENT/,
    );
  });

  it("does not dial with a key that cannot be read, nor shows it", async () => {
    const broken = used.server.connection({ privateKey: "hunter2", dialErrorLimit: 10 });
    await assert.rejects(
      used.provider.create({ connection: broken, create: "true" }),
      /UNKNOWN: ssh: privateKey: Unsupported key format$/,
    );
  });

  it("says so when authentication fails, without showing the password", async () => {
    const failing = used.provider.create({
      connection: used.server.connection({ password: "hunter2" }),
      create: "true",
    });
    await assert.rejects(failing, (error: Error) => {
      assert.match(error.message, /ssh: handshake failed/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });

  it("hangs up after every command", async () => {
    await used.provider.create({ connection: used.server.connection(), create: "true" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(used.server.connections, 0);
  });

  it("fails when the connection is lost", async () => {
    const running = used.provider.create({
      connection: used.server.connection(),
      create: "sleep 1",
    });
    const lost = assert.rejects(
      running,
      /exited without exit status or exit signal: running "sleep/,
    );
    while (used.server.log.commands.length === 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    used.server.drop();
    await lost;
  });

  it("fills in the connection's defaults, and names what is wrong with one", async () => {
    const checked = await used.provider.check({ connection: { host: "example" } });
    const filled = { port: 22, user: "root", dialErrorLimit: 10, perDialTimeout: 15 };
    assert.deepEqual(checked.connection, secret({ host: "example", ...filled }));
    // Marked one by one, too: the real provider would take a state without for another connection.
    const told = { host: "example", ...filled, password: "hunter2" };
    const marked = secret({
      ...told,
      proxy: { ...told, password: secret("hunter2") },
      password: secret("hunter2"),
    });
    const inputs = { connection: secret({ ...told, proxy: told }) };
    assert.deepEqual(await used.provider.check(inputs), { connection: marked });
    assert.deepEqual((await used.provider.create(inputs)).outputs.connection, marked);
    await assert.rejects(
      used.provider.check({ create: "true" }),
      /Missing required property 'connection'/,
    );
    await assert.rejects(
      used.provider.check({ connection: secret({ host: "example", privatKey: "hunter2" }) }),
      (error: Error) => {
        assert.match(error.message, /^connection.privatKey: Unknown property/);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      },
    );
  });
});
