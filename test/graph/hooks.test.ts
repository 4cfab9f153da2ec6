import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { mock } from "node:test";
import { whatRuns } from "./deliveries";
import type { ClusterFacts } from "../../policies/facts";
import type { Wire } from "../../ssh/wire";
import { recordNodes } from "./nodes";
import { digest } from "../../steps/program";
import { readProgram } from "./program";
import { recordProgram, reveal } from "./record";
import { recordSample, sampleFile } from "./samples";
import { planOfSample } from "./select";

const names = ["master-01", "master-02", "worker-01"];

describe("before a step", () => {
  it("its machine has what it needs, and before it is taken compared with all others", async () => {
    const graph = await recordSample("small");
    for (const { urn, type, name, inputs, hooksBefore } of graph.resources) {
      const { host } = (reveal(inputs.connection) ?? {}) as { host?: string };
      const { name: machine } = planOfSample("small").nodes.find(({ ip }) => ip === host) ?? {};
      assert.equal(machine !== undefined, type === "command:remote:Command", urn);
      const own = [
        ...(name.endsWith("-kubelet") ? [name.replace(/kubelet$/, "invited")] : []),
        ...(name.endsWith("-claim") ? [name.replace(/claim$/, "distinct")] : []),
        ...(machine === undefined ? [] : [`${machine}-brings`]),
      ];
      // A node that is not in yet has no pods.
      const update = own.flatMap((hook) =>
        hook.endsWith("-invited") ? [hook, hook.replace(/invited$/, "vacated")] : [hook],
      );
      assert.deepEqual(hooksBefore, { create: own, update }, urn);
    }
  });

  it("its machine gets all that the step's program names", async () => {
    const { resources, hooks } = await recordSample("ceph");
    for (const { urn, name, inputs, hooksBefore } of resources) {
      if (!("stdin" in inputs)) continue;
      const brings = hooksBefore.create.find((hook) => hook.endsWith("-brings")) ?? "";
      const ran = await whatRuns(() => Promise.resolve(hooks[brings]?.({ name })), []);
      const puts = /^put (\S+) <<'(\w+)'\n([^]*?)\n\2$/gm;
      const texts = ran.flatMap(([, program]) =>
        [...program.matchAll(puts)].map(([, as = "", , text = ""]) => [as, text] as const),
      );
      for (const [as, text] of texts)
        assert.ok(
          [text, `${text}\n`].some((one) => as.endsWith(digest(one))),
          `ssh/step.ts, steps/program.ts: ${as} of ${urn} is named after another text`,
        );
      const brought = texts.map(([as]) => as);
      const stdin = reveal(inputs.stdin) as string;
      const names = stdin.match(/(?<=\$(KEPT|IN)\/)\S+?(?=["\s])|^[\w.-]+-[0-9a-f]{16}$/gm) ?? [];
      const missing = names.filter((part) => part !== "$part" && !brought.includes(part));
      assert.deepEqual(missing, [], `ssh/step.ts, steps/program.ts: nobody brings it to ${urn}`);
    }
  });

  it("its machine gets with the first of its steps what the others need there", async () => {
    const { hooks } = await recordSample("small");
    const brings = (step: string) =>
      whatRuns(
        () => Promise.resolve(hooks["worker-01-brings"]?.({ name: `worker-01-${step}` })),
        [],
      );
    const [[machine, program] = []] = await brings("prepare");
    const brought: readonly string[] = program?.match(/(?<=^put )\S+(?=-\w{16} )/gm) ?? [];
    for (const part of ["prepare.sh", "credentials.sh", "kubelet.sh", "flannel-cni"])
      assert.ok(brought.includes(part), `components/machine.ts: ${part} would be one more journey`);
    for (const part of ["preflight.sh", "etcd.sh"]) assert.ok(!brought.includes(part), part);
    const [[again] = []] = await brings("kubelet");
    assert.ok(machine && machine === again, "components/machine.ts: a connection for each step");
  });
});

describe("on a machine that is not the cluster's yet", () => {
  it("nothing is kept of what is brought, also where it stands in for one that is lost", async () => {
    const { resources, hooks } = await recordSample("lost");
    const early = resources.filter(
      ({ type, name, retainOnDelete }) =>
        type === "command:remote:Command" && (/-(preflight|claim)$/.test(name) || retainOnDelete),
    );
    assert.ok(early.length > 15, `${early.length} steps`);
    for (const { name, urn, hooksBefore } of early) {
      const brings = hooksBefore.create.find((hook) => hook.endsWith("-brings")) ?? "";
      const ran = await whatRuns(() => Promise.resolve(hooks[brings]?.({ name })));
      const folders = ran.flatMap(([, program]) => program.match(/(?<=^into=).*/gm));
      assert.deepEqual(
        folders,
        [`/run/groundwork/in/${name}-uuid-of-cluster-id`],
        `ssh/step.ts: ${urn}`,
      );
    }
  });
});

describe("a machine that is not taken yet", () => {
  it("gets into memory what a step needs there, also one that stands for a lost machine's", async () => {
    const { hooks, resources } = await recordNodes(names, { lost: ["worker-01"] });
    const commands = resources.filter(({ type }) => type === "command:remote:Command");
    const early = commands.filter(({ name }) => /^worker-01-|-(preflight|claim)$/.test(name));
    assert.ok(early.length > 8, "the lost machine's steps are not among them");
    for (const { name } of early.filter(({ name }) => !name.endsWith("-forget"))) {
      const brings = () => Promise.resolve(hooks[`${name.slice(0, 9)}-brings`]?.({ name }));
      const ran = await whatRuns(brings, []);
      assert.equal(ran.length, 1, name);
      const [[machine, program]] = ran as [[Wire, string]];
      assert.match(machine.node.name, /^master-0/, name);
      assert.doesNotMatch(program, /into=(?!\/run\/)/, name);
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

  it("are invited by the master that lets them in, with a token of their own for 15 minutes", async () => {
    const { hooks, facts } = await recordNodes(names);
    const [{ bootstrapTokenMinutes }] = Object.values(facts) as [ClusterFacts];
    for (const [node = "", master] of [
      ["master-02", "master-02"],
      ["worker-01", "master-01"],
    ]) {
      const ran = await whatRuns(() => Promise.resolve(hooks[`${node}-invited`]?.()));
      for (const [machine] of ran) assert.equal(machine.node.name, master);
      const [create, program] = ran.at(-1)?.[1].split(/(?<=^set -- create\n)/) ?? [];
      assert.equal(create, "set -- create\n");
      const { variables, texts } = readProgram(program ?? "");
      assert.match(program ?? "", new RegExp(`^IN=\\S+/${node}-invite$`, "m"), "another's, too");
      assert.equal(variables.NODE, master);
      assert.equal(variables.TARGET, node);
      assert.equal(variables.IDENTITY, `uuid-of-${node}-identity`);
      // What the policies judge.
      assert.equal(variables.TOKEN_MINUTES, String(bootstrapTokenMinutes));
      assert.equal(texts.token_secret?.trim(), `SECRET-${node}-token`);
    }
    assert.equal(bootstrapTokenMinutes, 15);
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
      await assert.rejects(
        Promise.resolve(hooks["master-02-distinct"]?.()),
        ({ message }: Error) =>
          message.includes("claim refused master-02 (10.0.0.2)") &&
          message.includes(`the same ${called}`) &&
          message.includes(`as master-01 (10.0.0.1) and worker-01 (10.0.1.1): ${value}`) &&
          message.includes("what to do: "),
        "components/fleet.ts lets it pass, or does not say what is wrong",
      );
      const allowed = await recordNodes(names, { facts, allow: [finding] });
      await allowed.hooks["master-02-distinct"]?.();
    });
  }

  it("one whose Ceph is older than another's is refused, and a newer one or one without Ceph is not", async () => {
    const facts = {
      os: "debian 12",
      kernel: "6.1.0",
      architecture: "amd64",
      cpus: 4,
      memoryMiB: 8000,
    };
    const none = { machineId: "", macAddress: "", productUuid: "", cgroup: "v2" };
    const older = `groundwork-report: ${JSON.stringify({ ...facts, ...none })}`;
    const { hooks } = await recordProgram(sampleFile("ceph"), {
      answers: { "master-03-preflight": older },
    });
    await assert.rejects(Promise.resolve(hooks["master-03-distinct"]?.()), ({ message }: Error) =>
      /claim refused master-03 \(\S+\): its system has Ceph 16, and that of master-01 \(\S+\) has 18; .*\n {2}what to do: .* accepted as ceph-version/.test(
        message,
      ),
    );
    for (const name of ["master-01", "worker-01"]) await hooks[`${name}-distinct`]?.();
    const mixed = await recordNodes(names, { answers: { "master-02-preflight": older } });
    await mixed.hooks["master-02-distinct"]?.();
  });

  it("one whose examination gave no report is refused by name, and no other", async () => {
    const answers = { "master-02-preflight": "Welcome\u001b[2J" };
    const warn = mock.method(pulumi.log, "warn", () => Promise.resolve());
    try {
      for (const preview of [false, true]) await recordNodes(names, { answers, preview });
      const { hooks, outputs } = await recordNodes(names, { answers });
      const said =
        /what preflight left of master-02 in the state is no report: it printed "Welcome \[2J" instead of a report\n.*pulumi up --replace 'urn:.*::master-02-preflight', or raise master-02's generation in the cluster file/;
      const claims = new RegExp(`claim refused master-02 \\(10\\.0\\.0\\.2\\): ${said.source}`);
      await assert.rejects(Promise.resolve(hooks["master-02-distinct"]?.()), claims);
      for (const name of ["master-01", "worker-01"]) await hooks[`${name}-distinct`]?.();
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
      await hooks[`${name}-distinct`]?.();
    }
  });
});

describe("when a machine cannot be reached", () => {
  it("the operator is told what to do, once, and the step is not tried again", async () => {
    const { hooks } = await recordSample("small");
    const error = mock.method(pulumi.log, "error", () => Promise.resolve());
    try {
      const fails = (text: string) => hooks["master-02-remedy"]?.({ errors: [text] });
      assert.equal(
        await fails("after 5 failed attempts: dial tcp 10.0.0.12:22: connect: connection refused"),
        false,
      );
      assert.equal(await fails("groundwork: etcd failed on master-02: timed out"), false);
      const said = error.mock.calls.map(({ arguments: [text] }) => text as unknown as string);
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(said[0] ?? "", /^master-02 \(10\.0\.0\.12:22\) does not answer over SSH/);
    } finally {
      error.mock.restore();
    }
  });
});
