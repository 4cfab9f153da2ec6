import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { mock } from "node:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKeys, SshServer } from "../plugins/sshServer";
import { hostKey, sampleCluster } from "../unit/clusterSample";
import { recordFile, recordNodes } from "./nodes";
import { readProgram } from "./program";
import { reveal } from "./record";
import { recordSample } from "./samples";
import { planOfSample } from "./select";

const names = ["master-01", "master-02", "worker-01"];

describe("before a step", () => {
  it("its machine is asked whether it hangs, and before it is taken compared with all others", async () => {
    const graph = await recordSample("small");
    for (const { urn, type, name, inputs, hooksBefore } of graph.resources) {
      const { host } = (reveal(inputs.connection) ?? {}) as { host?: string };
      const { name: machine } = planOfSample("small").nodes.find(({ ip }) => ip === host) ?? {};
      assert.equal(machine !== undefined, type === "command:remote:Command", urn);
      const own = [
        ...(name.endsWith("-kubelet") ? [name.replace(/kubelet$/, "invited")] : []),
        ...(name.endsWith("-claim") ? [name.replace(/claim$/, "distinct")] : []),
        ...(machine === undefined
          ? []
          : [`${machine}-${name.endsWith("-preflight") ? "answers" : "hangs"}`]),
      ];
      assert.deepEqual(hooksBefore, { create: own, update: own }, urn);
    }
  });
});

describe("nodes that join", () => {
  it("wait for no other step that needs room, however few run at a time", async () => {
    const everyone = [...names, "master-03", "worker-02", "worker-03"];
    let room = 1;
    const waiting: (() => void)[] = [];
    const order: string[] = [];
    const run = async (name: string, begin: () => void) => {
      if (room === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      else room -= 1;
      begin();
      if (/-(kubelet|admit)$/.test(name)) order.push(name);
      const next = waiting.shift();
      if (next) next();
      else room += 1;
    };
    await recordNodes(everyone, { run });
    assert.equal(order.length, 2 * everyone.length);
    for (const node of everyone)
      assert.ok(order.indexOf(`${node}-kubelet`) < order.indexOf(`${node}-admit`), node);
  });

  it("are invited by the master that lets them in, by a program that holds their token", async () => {
    const server = await SshServer.listen();
    const keys = generateKeys();
    server.authorized.push(keys.public);
    const folder = mkdtempSync(join(tmpdir(), "groundwork-invited-"));
    try {
      const [key, program] = [join(folder, "key"), join(folder, "program")];
      writeFileSync(key, keys.private, { mode: 0o600 });
      server.shell = () => `cat >${program}`;
      const master = {
        ...{ name: "master-01", ip: "10.0.0.1", roles: ["master"], host_key: server.hostKey },
        ssh: { host: "127.0.0.1", port: server.port, user: "root", private_key_file: key },
      };
      const worker = { name: "worker-01", ip: "10.0.1.1", roles: ["worker"], host_key: hostKey(1) };
      const { hooks } = await recordFile({ cluster: sampleCluster(), nodes: [master, worker] });
      for (const node of ["master-01", "worker-01"]) {
        await hooks[`${node}-invited`]?.();
        const { variables, texts } = readProgram(readFileSync(program, "utf8"));
        assert.equal(variables.NODE, "master-01");
        assert.equal(variables.TARGET, node);
        assert.equal(variables.IDENTITY, `uuid-of-${node}-identity`);
        assert.equal(variables.TOKEN_MINUTES, "15");
        assert.equal(texts.token_secret?.trim(), `SECRET-${node}-token`);
      }
      assert.deepEqual(
        server.log.commands.filter((command) => /SECRET/.test(command)),
        [],
      );
    } finally {
      rmSync(folder, { recursive: true });
      await server.close();
    }
  });
});

describe("a machine that hangs", () => {
  it("fails its step after 20 s, and is asked no second time", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const ssh = { host: "127.0.0.1", port };
    const { hooks } = await recordNodes(["master-01"], { ssh });
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const asked = Promise.resolve(hooks["master-01-hangs"]?.());
      await once(server, "connection");
      // Until the client knows of it, too.
      for (let i = 0; i < 3; i++) await new Promise(setImmediate);
      mock.timers.tick(20_000);
      const hangs = new RegExp(`master-01 \\(127.0.0.1:${port}\\) hangs: .* for 20 s`);
      await assert.rejects(asked, hangs);
      await assert.rejects(Promise.resolve(hooks["master-01-hangs"]?.()), hangs);
      assert.equal(sockets.length, 1);
    } finally {
      mock.timers.reset();
      sockets.forEach((socket) => socket.destroy());
      server.close();
    }
  });
});

describe("a bastion", () => {
  it("is asked once whether it hangs, however many machines are behind it", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.on("error", () => undefined));
      socket.write("SSH-2.0-OpenSSH\r\n");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      const bastion = { host: "127.0.0.1", port, host_key: hostKey(200) };
      const { hooks } = await recordNodes(names, { bastion });
      await Promise.all(names.map((name) => hooks[`${name}-hangs`]?.()));
      assert.equal(sockets.length, 1);
    } finally {
      sockets.forEach((socket) => socket.destroy());
      server.close();
    }
  });
});

describe("before a machine is taken", () => {
  for (const [fact, called, finding, value] of [
    ["machineId", "machine id", "machine-id", "0123456789abcdef".repeat(2)],
    ["macAddress", "MAC address", "mac", "02:00:00:00:00:01"],
    ["productUuid", "hardware id", "product-uuid", "01234567-89ab-cdef-0123-456789abcdef"],
  ] as const) {
    it(`a copy of another is refused by its ${called}, unless the file allows it`, async () => {
      const facts = { [fact]: value };
      const { hooks } = await recordNodes(names, { facts });
      assert.throws(
        () => hooks["master-02-distinct"]?.(),
        ({ message }: Error) =>
          message.includes("claim refused master-02 (10.0.0.2)") &&
          message.includes(`the same ${called}`) &&
          message.includes(`as master-01 (10.0.0.1) and worker-01 (10.0.1.1): ${value}`) &&
          message.includes("what to do: "),
        "components/fleet.ts lets it pass, or does not say what is wrong",
      );
      const allowed = await recordNodes(names, { facts, allow: [finding] });
      assert.doesNotThrow(() => allowed.hooks["master-02-distinct"]?.());
    });
  }

  it("one whose examination gave no report is refused by name, and no other", async () => {
    const answers = { "master-02-preflight": "Welcome\u001b[2J" };
    const warn = mock.method(pulumi.log, "warn", () => Promise.resolve());
    try {
      for (const preview of [false, true]) await recordNodes(names, { answers, preview });
      const { hooks, outputs } = await recordNodes(names, { answers });
      const said =
        /what preflight left of master-02 in the state is no report: it printed "Welcome \[2J" instead of a report\n.*pulumi up --replace 'urn:.*::master-02-preflight', or raise master-02's generation in the cluster file/;
      const claims = new RegExp(`claim refused master-02 \\(10\\.0\\.0\\.2\\): ${said.source}`);
      assert.throws(() => hooks["master-02-distinct"]?.(), claims);
      for (const name of ["master-01", "worker-01"]) hooks[`${name}-distinct`]?.();
      const { nodes } = reveal(outputs) as { nodes: Record<string, { facts: object }> };
      assert.ok("machineId" in (nodes["master-01"]?.facts ?? {}));
      const warned = warn.mock.calls.map(({ arguments: [text] }) => text as unknown as string);
      // Twice at an up; at a first preview nothing is known yet.
      assert.equal(warned.length, 2, warned.join("\n"));
      for (const text of warned) assert.match(text, said);
    } finally {
      warn.mock.restore();
    }
  });

  it("one that is like no other passes, also where none knows its hardware id", async () => {
    const { hooks } = await recordNodes(names);
    for (const name of names) {
      assert.ok(hooks[`${name}-distinct`], name);
      hooks[`${name}-distinct`]?.();
    }
  });
});

describe("when a machine cannot be reached", () => {
  it("the operator is told what to do, once, and the step is not tried again", async () => {
    const { hooks } = await recordSample("small");
    const error = mock.method(pulumi.log, "error", () => Promise.resolve());
    try {
      const fails = (text: string) => hooks["master-02-remedy"]?.({ errors: [text] });
      assert.equal(await fails("dial tcp 10.0.0.12:22: connection refused"), false);
      assert.equal(await fails("groundwork: etcd failed on master-02: timed out"), false);
      const said = error.mock.calls.map(({ arguments: [text] }) => text as unknown as string);
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(said[0] ?? "", /^master-02 \(10\.0\.0\.12:22\) does not answer over SSH/);
    } finally {
      error.mock.restore();
    }
  });
});
