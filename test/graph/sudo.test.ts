import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recordNodes } from "./nodes";
import { type Graph, redact, reveal } from "./record";
import { commands } from "./select";

describe("a cluster whose user gives sudo a password", () => {
  const password = "hunter2 is 'it";
  const names = ["master-01", "worker-01"];
  let folder: string;
  let graph: Graph;
  let without: Graph;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-sudo-"));
    const file = join(folder, "password");
    writeFileSync(file, `${password}\n`);
    const ssh = { user: "admin" };
    without = await recordNodes(names, { ssh });
    graph = await recordNodes(names, { ssh: { ...ssh, sudo_password_file: file } });
  });
  after(() => rmSync(folder, { recursive: true }));

  const stdinOf = (graph: Graph, name: string) =>
    commands(graph).find((one) => one.name === name)?.inputs.stdin;

  it("has it on standard input, before what each step runs, and nowhere else", () => {
    assert.ok(commands(graph).length > 10);
    for (const { name, inputs } of commands(graph)) {
      const { create, delete: undo, stdin } = inputs;
      assert.equal(reveal(stdin), `${password}\n\n${reveal(stdinOf(without, name)) as string}`);
      for (const command of [create, ...(undo === undefined ? [] : [undo])])
        assert.match(
          command as string,
          /^sh -c '[^']*' sh sh -c '[^']*' sh timeout .* bash -s -- \w+$/,
        );
    }
    const shown = JSON.stringify(graph.resources.map(({ inputs }) => redact(inputs)));
    assert.ok(!shown.includes("hunter2"), "it is shown, or stands in the state in plain");
  });

  it("shows beside each step what it runs, as other clusters do in the step", () => {
    for (const { name } of commands(graph)) {
      const shown = graph.resources.find((one) => one.name === `${name}-program`);
      assert.equal(shown?.type, "groundwork:index:Program");
      assert.equal(shown.inputs.program, stdinOf(without, name));
    }
  });

  it("has no other resources, and without a password none of these", () => {
    const others = graph.resources.filter(({ type }) => type !== "groundwork:index:Program");
    assert.deepEqual(
      others.map(({ urn }) => urn).sort(),
      without.resources.map(({ urn }) => urn).sort(),
    );
  });
});
