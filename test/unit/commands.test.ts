import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { command, execute, help, OperatorError } from "../../commands/command";
import { commands, page, reference } from "../../commands/reference";
import { ClusterConfigError } from "../../config/issues";
import { written } from "./written";

const root = join(__dirname, "..", "..");

const sample = command({
  name: "sample",
  about: "Says how many.",
  arguments: "NAME...",
  count: [1, 2],
  options: {
    loud: { type: "boolean", default: false, help: "with a voice" },
    file: { type: "string", value: "FILE", help: "where" },
  },
  statuses: { 0: "few", 1: "many" },
  run: ({ loud }, names) => {
    if (names[0] === "gone") throw new OperatorError("it is gone; look elsewhere");
    if (names[0] === "file") throw new ClusterConfigError("c.yaml", []);
    if (names[0] === "fault") throw new TypeError("a fault of ours");
    return Promise.resolve(loud ? 1 : 0);
  },
});

describe("a command", () => {
  it("says what it takes and how it ends", async () => {
    const text = await written("stdout", async () =>
      assert.equal(await execute(sample, ["--help"]), 0),
    );
    assert.equal(
      text,
      `usage: npm run sample -- [OPTIONS] NAME...

Says how many.

  --loud       with a voice
  --file FILE  where
  --help       this text

It ends with the status
  0  few
  1  many
  2  it could not do its work
`,
    );
  });

  it("ends with the status of its work", async () => {
    assert.equal(await execute(sample, ["a"]), 0);
    assert.equal(await execute(sample, ["--loud", "a"]), 1);
  });

  for (const [args, told] of [
    [
      [],
      /^NAME\.\.\. is missing; --help says what it is\nusage: npm run sample -- \[OPTIONS\] NAME\.\.\.\n$/,
    ],
    [["a", "b", "c"], /^there is an argument too many; .*\nusage: /],
    [["--lod", "a"], /^Unknown option '--lod'[^]*\nusage: npm run sample/],
    [["--file"], /argument missing[^]*\nusage: /],
    [["gone"], /^it is gone; look elsewhere\n$/],
    [["file"], /^c\.yaml has 0 problems/],
  ] as const) {
    it(`tells in words, with the status 2: ${args.join(" ") || "nothing given"}`, async () => {
      const text = await written("stderr", async () =>
        assert.equal(await execute(sample, args), 2),
      );
      assert.match(text, told);
    });
  }

  it("hides no fault of ours", async () => {
    await assert.rejects(execute(sample, ["fault"]), TypeError);
  });
});

describe("the commands", () => {
  it("are all scripts of package.json, which runs each by its name", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    // Those that ask others over the network have Node.js ask the operator's proxy.
    const theirs = Object.entries(scripts)
      .filter(([, line]) => line.includes("commands/"))
      .map(
        ([name, line]) =>
          [
            name,
            line.replace(/^NODE_USE_ENV_PROXY=1 node --disable-warning=UNDICI-EHPA /, "node "),
          ] as const,
      );
    const expected = commands().map(({ name }) => [
      name,
      `node -r ts-node/register commands/${name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())}.ts`,
    ]);
    assert.deepEqual(theirs.filter(([name]) => name !== "schema").sort(), expected);
  });

  it("stand in docs/commands.md as they describe themselves", () => {
    assert.equal(readFileSync(page, "utf8"), reference(), "run npm run schema");
  });

  it("say how every option is meant", () => {
    for (const it of commands()) assert.doesNotMatch(help(it), /undefined/, it.name);
  });
});
