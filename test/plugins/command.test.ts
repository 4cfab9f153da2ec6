import assert from "assert/strict";
import { commandPackage } from "../../lab/plugins/command/package";
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

  it("runs create, feeds it stdin, and trims one newline of each output", async () => {
    const state = await provider.create({
      connection: server.connection(),
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
    const state = await provider.create({ connection: server.connection(), create });
    assert.deepEqual([...state.secrets].sort(), ["connection", "create"]);
    assert.equal(state.outputs.stdout, "42");
  });

  it("fails with the command's status, its text and all of its output", async () => {
    const failing = provider.create({
      connection: server.connection(),
      create: 'echo out; echo "err" >&2; exit 3',
    });
    await assert.rejects(
      failing,
      /Process exited with status 3: running "echo out; echo \\"err\\" >&2; exit 3":\n(out\nerr|err\nout)\n/,
    );
  });

  it("runs update on a change, or create where there is no update; replaces on triggers only", async () => {
    const inputs = { connection: server.connection(), create: "echo 1", stdin: "a" };
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
    const kept = await provider.create({ connection: server.connection(), create: "true" });
    await provider.delete(kept);
    const removed = await provider.create({ connection: server.connection(), delete: "exit 4" });
    assert.deepEqual(server.log.commands, ["true"]);
    await assert.rejects(provider.delete(removed), /exited with status 4/);
    await server.close();
    await assert.rejects(provider.delete(removed), /dial tcp 127.0.0.1:\d+: connect ECONNREFUSED/);
    server = await SshServer.listen();
  });

  it("fails if the server refuses a variable, but only warns about the output before", async () => {
    const refused = provider.create({
      connection: server.connection(),
      create: "true",
      environment: { COLOUR: "red" },
    });
    await assert.rejects(refused, /could not set environment variable "COLOUR"/);
    assert.deepEqual(server.log.commands, []);

    const state = await provider.create({ connection: server.connection(), create: "echo 1" });
    await provider.update(state, { connection: server.connection(), create: "echo 2" });
    await provider.update(state, {
      connection: server.connection(),
      create: "echo 3",
      addPreviousOutputInEnv: false,
    });
    assert.deepEqual(server.log.environments, ["COLOUR", "PULUMI_COMMAND_STDOUT"]);
    assert.deepEqual(server.log.commands, ["echo 1", "echo 2", "echo 3"]);
  });

  it("sets variables on a server that takes them", async () => {
    const lenient = await SshServer.listen(true);
    const state = await provider.create({
      connection: lenient.connection(),
      create: "echo $COLOUR",
      environment: { COLOUR: "red" },
    });
    await lenient.close();
    assert.equal(plain(state).stdout, "red");
  });

  it("knows nothing of its output at preview", async () => {
    const state = await provider.create({ connection: server.connection(), create: "true" }, true);
    assert.equal(plain(state).stdout, "04da6b54-80e4-46f7-96ec-b56ff0331ba9");
    assert.deepEqual(server.log.commands, []);
  });
});
