import assert from "assert/strict";
import { plain, secret } from "./provider";
import { useRemoteCommands } from "./remoteCommands";
import { SshServer } from "./sshServer";

describe("the lab's remote.Command", () => {
  const used = useRemoteCommands();

  it("runs create, feeds it stdin, and trims one newline of each output", async () => {
    const state = await used.provider.create({
      connection: used.server.connection(),
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
    const state = await used.provider.create({ connection: used.server.connection(), create });
    assert.deepEqual([...state.secrets].sort(), ["connection", "create"]);
    assert.equal(state.outputs.stdout, "42");
  });

  it("fails with the command's status, its text and all of its output", async () => {
    const failing = used.provider.create({
      connection: used.server.connection(),
      create: 'echo out; echo "err" >&2; exit 3',
    });
    await assert.rejects(
      failing,
      /Process exited with status 3: running "echo out; echo \\"err\\" >&2; exit 3":\n(out\nerr|err\nout)\n/,
    );
  });

  it("runs update on a change, or create where there is no update; replaces on triggers only", async () => {
    const inputs = { connection: used.server.connection(), create: "echo 1", stdin: "a" };
    const state = await used.provider.create(inputs);
    assert.deepEqual(await used.provider.diff(state, inputs), {
      changed: [],
      replaces: [],
      deleteBeforeReplace: false,
    });
    assert.deepEqual(await used.provider.diff(state, { ...inputs, stdin: "b" }), {
      changed: ["stdin"],
      replaces: [],
      deleteBeforeReplace: false,
    });
    const triggered = await used.provider.diff(state, { ...inputs, triggers: [1] });
    assert.deepEqual(triggered.replaces, ["triggers"]);

    await used.provider.update(state, { ...inputs, stdin: "b" });
    await used.provider.update(state, { ...inputs, update: "echo 2", delete: "true" });
    assert.deepEqual(used.server.log.commands, ["echo 1", "echo 1", "echo 2"]);
  });

  it("deletes with the connection in the state, and connects only if delete is set", async () => {
    const server = await SshServer.listen();
    const kept = await used.provider.create({ connection: server.connection(), create: "true" });
    await used.provider.delete(kept);
    const removed = await used.provider.create({
      connection: server.connection(),
      delete: "exit 4",
    });
    assert.deepEqual(server.log.commands, ["true"]);
    await assert.rejects(used.provider.delete(removed), /exited with status 4/);
    await server.close();
    await assert.rejects(
      used.provider.delete(removed),
      /dial tcp 127.0.0.1:\d+: connect ECONNREFUSED/,
    );
  });

  it("fails if the server refuses a variable, but only warns about the output before", async () => {
    const refused = used.provider.create({
      connection: used.server.connection(),
      create: "true",
      environment: { COLOUR: "red" },
    });
    await assert.rejects(refused, /could not set environment variable "COLOUR"/);
    assert.deepEqual(used.server.log.commands, []);

    const state = await used.provider.create({
      connection: used.server.connection(),
      create: "echo 1",
    });
    await used.provider.update(state, { connection: used.server.connection(), create: "echo 2" });
    await used.provider.update(state, {
      connection: used.server.connection(),
      create: "echo 3",
      addPreviousOutputInEnv: false,
    });
    assert.deepEqual(used.server.log.environments, ["COLOUR", "PULUMI_COMMAND_STDOUT"]);
    assert.deepEqual(used.server.log.commands, ["echo 1", "echo 2", "echo 3"]);
  });

  it("sets variables on a server that takes them", async () => {
    const lenient = await SshServer.listen(true);
    const state = await used.provider.create({
      connection: lenient.connection(),
      create: "echo $COLOUR",
      environment: { COLOUR: "red" },
    });
    await lenient.close();
    assert.equal(plain(state).stdout, "red");
  });

  it("knows nothing of its output at preview", async () => {
    const state = await used.provider.create(
      { connection: used.server.connection(), create: "true" },
      true,
    );
    assert.equal(plain(state).stdout, "04da6b54-80e4-46f7-96ec-b56ff0331ba9");
    assert.deepEqual(used.server.log.commands, []);
  });
});
