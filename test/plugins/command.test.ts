import assert from "assert/strict";
import { commandPackage } from "../../lab/plugins/command/package";
import type { Properties } from "../../lab/plugins/shared/values";
import { plain, Provider, secret } from "./provider";
import { SshServer } from "./sshServer";

const type = "command:remote:Command";

describe("the lab's remote.Command", () => {
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

  const connection = (more: Properties = {}): Properties =>
    secret({
      host: "127.0.0.1",
      port: server.port,
      user: "root",
      password: "secret",
      hostKey: server.hostKey,
      dialErrorLimit: 0,
      ...more,
    });

  it("runs create, feeds it stdin, and trims one newline of each output", async () => {
    const state = await provider.create({
      connection: connection(),
      create: "cat; echo; echo oops >&2",
      stdin: "hello",
    });
    assert.equal(plain(state).stdout, "hello");
    assert.equal(plain(state).stderr, "oops");
    assert.deepEqual(state.secrets, ["connection"]);
    assert.match(state.id, /^thing[0-9a-f]{8}$/);
  });

  it("keeps only what is secret by name secret: the output of a secret command is not", async () => {
    const create = secret("echo $((40 + 2))");
    const state = await provider.create({ connection: connection(), create });
    assert.deepEqual([...state.secrets].sort(), ["connection", "create"]);
    assert.equal(state.outputs.stdout, "42");
  });

  it("fails with the command's status, its text and all of its output", async () => {
    const failing = provider.create({
      connection: connection(),
      create: 'echo out; echo "err" >&2; exit 3',
    });
    await assert.rejects(
      failing,
      /Process exited with status 3: running "echo out; echo \\"err\\" >&2; exit 3":\n(out\nerr|err\nout)\n/,
    );
  });

  it("runs update on a change, or create where there is no update; replaces on triggers only", async () => {
    const inputs = { connection: connection(), create: "echo 1", stdin: "a" };
    const state = await provider.create(inputs);
    assert.deepEqual(await provider.diff(state, inputs), {
      changed: [],
      replaces: [],
      deleteBeforeReplace: false,
    });
    assert.deepEqual(await provider.diff(state, { ...inputs, stdin: "b" }), {
      changed: ["stdin"],
      replaces: [],
      deleteBeforeReplace: false,
    });
    const triggered = await provider.diff(state, { ...inputs, triggers: [1] });
    assert.deepEqual(triggered.replaces, ["triggers"]);

    await provider.update(state, { ...inputs, stdin: "b" });
    await provider.update(state, { ...inputs, update: "echo 2", delete: "true" });
    assert.deepEqual(server.log.commands, ["echo 1", "echo 1", "echo 2"]);
  });

  it("deletes with the connection in the state, and connects only if delete is set", async () => {
    const kept = await provider.create({ connection: connection(), create: "true" });
    await provider.delete(kept);
    const removed = await provider.create({ connection: connection(), delete: "exit 4" });
    assert.deepEqual(server.log.commands, ["true"]);
    await assert.rejects(provider.delete(removed), /exited with status 4/);
    await server.close();
    await assert.rejects(provider.delete(removed), /dial tcp 127.0.0.1:\d+: connect ECONNREFUSED/);
    server = await SshServer.listen();
  });

  it("refuses another host key, and takes any if none is given", async () => {
    const other = await SshServer.listen();
    const wrong = connection({ hostKey: other.hostKey });
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
    const patient = connection({ dialErrorLimit: 2 });
    await provider.create({ connection: patient, create: "true" });
    server.refuse = 3;
    await assert.rejects(
      provider.create({ connection: patient, create: "true" }),
      /after 2 failed attempts/,
    );
  });

  it("dials no longer than the resource's own timeout", async () => {
    server.refuse = Infinity;
    const endless = connection({ dialErrorLimit: -1 });
    const began = Date.now();
    await assert.rejects(provider.create({ connection: endless, create: "true" }, false, 1));
    assert(Date.now() - began < 5000);
  });

  it("goes through a proxy, whose host key is its own", async () => {
    const proxy = await SshServer.listen();
    const through = (hostKey: string) =>
      connection({
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
    const stale = connection({ agentSocketPath: "/nonexistent/agent" });
    await assert.rejects(
      provider.create({ connection: stale, create: "true" }),
      /dial unix \/nonexistent\/agent: connect ENOENT/,
    );
  });

  it("does not dial with a key that cannot be read, nor shows it", async () => {
    const broken = connection({ privateKey: "hunter2", dialErrorLimit: 10 });
    await assert.rejects(
      provider.create({ connection: broken, create: "true" }),
      /UNKNOWN: ssh: privateKey: Unsupported key format$/,
    );
  });

  it("says so when authentication fails, without showing the password", async () => {
    const failing = provider.create({
      connection: connection({ password: "hunter2" }),
      create: "true",
    });
    await assert.rejects(failing, (error: Error) => {
      assert.match(error.message, /ssh: handshake failed/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });

  it("fails if the server refuses a variable, but only warns about the output before", async () => {
    const refused = provider.create({
      connection: connection(),
      create: "true",
      environment: { COLOUR: "red" },
    });
    await assert.rejects(refused, /could not set environment variable "COLOUR"/);
    assert.deepEqual(server.log.commands, []);

    const state = await provider.create({ connection: connection(), create: "echo 1" });
    await provider.update(state, { connection: connection(), create: "echo 2" });
    await provider.update(state, {
      connection: connection(),
      create: "echo 3",
      addPreviousOutputInEnv: false,
    });
    assert.deepEqual(server.log.environments, ["COLOUR", "PULUMI_COMMAND_STDOUT"]);
    assert.deepEqual(server.log.commands, ["echo 1", "echo 2", "echo 3"]);
  });

  it("sets variables on a server that takes them", async () => {
    const lenient = await SshServer.listen(true);
    const state = await provider.create({
      connection: connection({ port: lenient.port, hostKey: lenient.hostKey }),
      create: "echo $COLOUR",
      environment: { COLOUR: "red" },
    });
    await lenient.close();
    assert.equal(plain(state).stdout, "red");
  });

  it("hangs up after every command", async () => {
    await provider.create({ connection: connection(), create: "true" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(server.connections, 0);
  });

  it("fails when the connection is lost", async () => {
    const running = provider.create({ connection: connection(), create: "sleep 1" });
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

  it("knows nothing of its output at preview", async () => {
    const state = await provider.create({ connection: connection(), create: "true" }, true);
    assert.equal(plain(state).stdout, "04da6b54-80e4-46f7-96ec-b56ff0331ba9");
    assert.deepEqual(server.log.commands, []);
  });
});
