import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import fc from "fast-check";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  inbox,
  inboxBeside,
  kept,
  part,
  type ProgramArgs,
  quote,
  renderProgram,
  scriptParts,
  sources,
} from "../../steps/program";
import { wholeProgram } from "../graph/deliveries";
import { recordSample } from "../graph/samples";

/** A script that prints what it was given, and one that undoes it. */
const print = "print";
before(() => {
  for (const name of ["print.sh", "print-undo.sh"])
    (sources as Map<string, string>).set(name, join(__dirname, "fixtures", name));
});
after(() => {
  for (const name of ["print.sh", "print-undo.sh"]) (sources as Map<string, string>).delete(name);
});

function bash(program: string, ...args: string[]) {
  const { stdout, stderr, status } = spawnSync("bash", args, { input: program, encoding: "utf8" });
  return { stdout, stderr, status };
}

/** What the program of `args` prints when a machine runs it. */
function run(args: Partial<Parameters<typeof wholeProgram>[0]>, command = "create"): string[] {
  const program = wholeProgram({ script: print, ...args });
  const { stdout, stderr, status } = bash(program, "-s", "--", command);
  assert.equal(status, 0, stderr);
  return stdout.split("\0").slice(0, -1);
}

/** Any text a YAML file can hold: no NUL, no half of a surrogate pair. */
const anyText = fc
  .oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom("'", '"', "\\", "$", "`", "\n", "!", "#", " ", "é") }),
    fc.constantFrom("$(id)", "'; id; '", "EOF", "a\nb", "\\'", "-n", "\r\n"),
  )
  .filter((text) => !text.includes("\0"));
const line = (text: string) => (text.endsWith("\n") ? text : `${text}\n`);
const few = { numRuns: 60 };

describe("a rendered program", () => {
  it("hands any value to its script as it is", () => {
    fc.assert(
      fc.property(anyText, (value) => {
        assert.deepEqual(run({ variables: { VALUE: value } }), [value]);
      }),
      few,
    );
  });

  it("hands any text and any file to its script, with a line end", () => {
    fc.assert(
      fc.property(anyText, anyText, (secret, content) => {
        const files = [{ path: "/etc/it's here", content, mode: "0644", owner: "etcd:etcd" }];
        assert.deepEqual(run({ secrets: { secret }, files }), [
          "",
          line(secret),
          "/etc/it's here",
          "0644",
          "etcd:etcd",
          line(content),
        ]);
      }),
      few,
    );
  });

  it("gives files to root alone unless told otherwise", () => {
    const printed = run({ files: [{ path: "/a", content: "b" }] });
    assert.deepEqual(printed, ["", "/a", "0600", "root:root", "b\n"]);
  });

  it("refuses a text that would end its own here-document", () => {
    for (const text of ["GROUNDWORK_END", "a\nGROUNDWORK_END\nb"]) {
      const args = { name: "test", script: print, variables: {}, texts: { secret: text } };
      assert.throws(() => renderProgram(args), /GROUNDWORK_END/);
    }
    assert.deepEqual(run({ secrets: { secret: "a GROUNDWORK_END" } }), ["", "a GROUNDWORK_END\n"]);
  });

  it("creates, or deletes, or does nothing", () => {
    const args = { undo: "print-undo" };
    assert.deepEqual(run(args), [""]);
    assert.deepEqual(run(args, "delete"), ["undone by print-undo"]);
    assert.deepEqual(run({}, "delete"), []);
    assert.deepEqual(run(args, ""), []);
  });

  it("runs whole or not at all, wherever the connection breaks", () => {
    const program = wholeProgram({
      script: print,
      variables: { VALUE: "it's" },
      secrets: { secret: "s" },
      files: [{ path: "/a", content: "b" }],
    });
    const whole = bash(program, "-s", "--", "create").stdout;
    fc.assert(
      fc.property(fc.nat({ max: program.length - 1 }), (sent) => {
        const { stdout } = bash(program.slice(0, sent), "-s", "--", "create");
        assert.ok(stdout === "" || stdout === whole, `the first ${sent} characters ran: ${stdout}`);
      }),
      few,
    );
  });

  it("leaves its script nothing to read of what comes behind it", () => {
    const program = wholeProgram({ script: print });
    const reading = program.replace("\ninstall_files\n;;", "\ncat\n;;");
    assert.notEqual(reading, program);
    const { stdout } = bash(`${reading}echo $((1 + 1))\n`, "-s", "--", "create");
    assert.equal(stdout, "\0" + "2\n");
  });

  /** A program as it is sent, in a folder that stands for the machine's. */
  function sent(undo: string, command: string, there: (folder: string) => void) {
    const folder = mkdtempSync(join(tmpdir(), "groundwork-parts-"));
    try {
      there(folder);
      const variables = { NODE: "worker-01", NODE_IP: "10.0.0.21", STEP: "print" };
      const program = renderProgram({ name: "worker-01-print", script: print, undo, variables });
      const moved = program.replaceAll(/\/(var|run)\//g, `${folder}/$1/`);
      const ran = bash(moved, "-s", "--", command);
      return { ...ran, left: existsSync(join(folder, inbox)) };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  const put = (folder: string, path: string, text: string) => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const kept = "var/lib/groundwork/programs";
  const inbox = "run/groundwork/in/worker-01-print";

  it("runs the scripts that lie on the machine, and takes away what came for it alone", () => {
    const { name, text } = part("print.sh");
    for (const place of [kept, inbox]) {
      const ran = sent("print-undo", "create", (folder) => {
        put(folder, `${inbox}/of-this-step`, "");
        put(folder, `${place}/${name}`, `${text}[ -e ${folder}/${inbox} ] || exit 3\n`);
      });
      assert.deepEqual(ran, { status: 0, stdout: "\0", stderr: "", left: false }, place);
    }
  });

  it("says which script is gone, or is no whole file, where, and what to do", () => {
    for (const there of [
      () => undefined,
      (folder: string) => put(folder, `${kept}/${part("print.sh").name}`, ""),
    ]) {
      const { status, stderr } = sent("print-undo", "create", there);
      assert.equal(status, 1);
      assert.match(
        stderr,
        /\ngroundwork: print failed on worker-01 \(10\.0\.0\.21\): \S+\/programs\/print\.sh-[0-9a-f]{16} is gone\n {2}what to do: raise the generation of worker-01 /,
      );
    }
  });

  it("takes nothing off a machine that is nobody's any more, by reset alone", () => {
    const lock = (folder: string) => put(folder, "var/lib/cluster-state/lock", "");
    assert.equal(sent("reset", "delete", () => undefined).status, 0);
    assert.equal(sent("reset", "create", () => undefined).status, 1, "a claim without its script");
    assert.equal(sent("reset", "delete", lock).status, 1);
    assert.equal(sent("print-undo", "delete", () => undefined).status, 1);
  });

  describe("of a claim, when its scripts are gone from the machine", () => {
    let root: string;
    beforeEach(() => (root = mkdtempSync(join(tmpdir(), "groundwork-reset-"))));
    afterEach(() => rmSync(root, { recursive: true }));
    const lock = () => join(root, "var/lib/cluster-state/lock");
    const undo = (id: string, ...more: string[]) => {
      mkdirSync(dirname(lock()), { recursive: true });
      mkdirSync(join(root, "var/lib/groundwork/programs"), { recursive: true });
      writeFileSync(lock(), `cluster_id=${id}\nnode=a\n`);
      for (const name of more) writeFileSync(join(dirname(lock()), name), "");
      const variables = { CLUSTER_ID: "mine", NODE: "a", NODE_IP: "10.0.0.1" };
      const program = renderProgram({ name: "a-claim", script: "claim", undo: "reset", variables });
      return bash(program.replaceAll(/\/(var\/lib|run)\//g, `${root}/$1/`), "-s", "--", "delete");
    };

    it("undoes what a reset that was cut short had left to do", () => {
      for (const left of [[], ["before"], ["before", "nft-tables"]]) {
        const { status, stderr } = undo("mine", ...left);
        assert.equal(status, 0, stderr);
        assert.deepEqual(readdirSync(join(root, "var/lib")), []);
      }
    });

    it("touches nothing where there is more to be undone, or the lock is another's", () => {
      for (const [id, ...left] of [["mine", "files"], ["other"]] as const) {
        const { status, stderr } = undo(id, ...left);
        assert.equal(status, 1);
        assert.match(stderr, /is gone\n {2}what to do: /);
        assert.ok(existsSync(lock()));
        rmSync(dirname(lock()), { recursive: true });
      }
    });
  });

  it("quotes for the shell", () => {
    const table: [string, string][] = [
      ["", "''"],
      ["a b", "'a b'"],
      ["it's", "'it'\\''s'"],
      ["$HOME `id`", "'$HOME `id`'"],
    ];
    for (const [text, word] of table) assert.equal(quote(text), word);
  });
});

describe("a program and what lies on its machine", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "groundwork-program-"));
    for (const folder of [kept, inbox("test"), inbox("other")])
      mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, inbox("test"), "0123"), "hunter2\n");
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const put = (folder: string, ...scripts: readonly string[]) => {
    for (const { name, text } of scripts.flatMap((script) => scriptParts(script)))
      writeFileSync(join(root, folder, name), text);
  };
  const onMachine = (args: Partial<ProgramArgs> = {}, command = "create") => {
    const STEP = args.script ?? print;
    const variables = { NODE: "a", NODE_IP: "10.0.0.1", CLUSTER_ID: "id", STEP };
    const program = renderProgram({ name: "test", script: print, variables, ...args });
    const moved = program.replaceAll(/\/(?=(run|var)\/)/g, `${root}/`);
    return bash(moved, "-s", "--", command);
  };
  const secrets = { secret: "0123" };
  const exists = (path: string) => existsSync(join(root, path));

  it("runs the scripts that are kept there, and takes its secrets off it, also when it fails", () => {
    put(kept, print);
    assert.equal(onMachine({ secrets }).stdout, "\0hunter2\n\0");
    assert.ok(!exists(inbox("test")), "what is secret stays in memory");
    assert.ok(exists(inbox("other")), "another step's was taken");
    mkdirSync(join(root, inbox("test")));
    rmSync(join(root, kept), { recursive: true });
    assert.equal(onMachine({ secrets }).status, 1);
    assert.ok(!exists(inbox("test")), "what is secret stays in memory after a failure");
  });

  it("runs scripts that came for it alone, and leaves nothing where the machine is another's", () => {
    const own = inboxBeside("test", "id");
    renameSync(join(root, inbox("test")), join(root, own));
    put(own, print);
    put(inbox("other"), print);
    assert.equal(onMachine({ secrets, onForeignMachine: true }).stdout, "\0hunter2\n\0");
    assert.ok(!exists(own), "a folder stays");
    assert.ok(exists(inbox("other")), "another operator's was taken");
    assert.deepEqual(readdirSync(join(root, kept)), []);
    renameSync(join(root, inbox("other")), join(root, own));
    assert.equal(onMachine({ onForeignMachine: true }).status, 0);
    assert.ok(!exists("/run/groundwork"), "a folder stays");
  });

  it("undoes by the script that undoes, under its name", () => {
    put(kept, "print-undo");
    assert.equal(onMachine({ undo: "print-undo" }, "delete").stdout, "undone by print-undo\0");
  });

  it("says which of its scripts is gone, and what to do", () => {
    const { status, stdout, stderr } = onMachine();
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(
      stderr,
      /^\ngroundwork: print failed on a \(10\.0\.0\.1\): \S+\/programs\/print\.sh-\w{16} is gone\n {2}what to do: raise the generation of a /,
    );
  });

  it("goes on with none of its scripts where the first is gone", () => {
    put(kept, "lost");
    rmSync(join(root, kept, part("lib.sh").name));
    const { status, stderr } = onMachine({ script: "lost" });
    assert.equal(status, 1);
    assert.match(stderr, /lib\.sh-\w{16} is gone/);
    assert.doesNotMatch(
      stderr,
      /not found/,
      "steps/program.ts runs the script without its library",
    );
  });

  it("undoes nothing on a machine of no cluster, which has no scripts any more", () => {
    const reset = () => onMachine({ script: "claim", undo: "reset" }, "delete");
    assert.deepEqual(reset(), { status: 0, stdout: "", stderr: "" });
    mkdirSync(join(root, "/var/lib/cluster-state"));
    writeFileSync(join(root, "/var/lib/cluster-state/lock"), "");
    assert.equal(reset().status, 1);
  });
});

describe("the scripts of the steps", () => {
  const names = [...sources.keys()].filter((name) => name.endsWith(".sh"));
  const libraries = names.filter((name) => /(^|-)lib\.sh$/.test(name));
  const read = (name: string) => readFileSync(sources.get(name) ?? "", "utf8");
  const source = /^\. "\$\(dirname "\$0"\)\/\.\.\/lib\/(.+)\.sh"$/gm;
  /** What bash understood: the functions it knows after reading a text, without comments, in its own layout. */
  const understood = (text: string) => {
    const { stdout, stderr } = bash(`step() {\n${text}\n}\ndeclare -f step\n`);
    assert.equal(stderr, "");
    assert.notEqual(stdout, "");
    return stdout;
  };

  for (const name of names) {
    it(`${name} loses comments on its way to a machine, and no code`, () => {
      assert.equal(understood(part(name).text), understood(read(name).replace(source, "")));
    });
  }

  it("comes with the libraries it sources, each before what uses it", () => {
    for (const name of names.filter((name) => !libraries.includes(name))) {
      const sourced = [...read(name).matchAll(source)].map(([, library = ""]) => `${library}.sh`);
      const parts = scriptParts(name.replace(/\.sh$/, "")).map(({ name }) => name);
      assert.deepEqual(
        parts,
        [...sourced, name].map((each) => part(each).name),
        name,
      );
    }
  });

  it("read libraries directly: a library's own would not travel", () => {
    for (const name of libraries) assert.doesNotMatch(read(name), source, name);
  });
});

describe("the programs of a cluster", () => {
  for (const sample of ["single", "small"]) {
    it(`are bash, in cluster '${sample}'`, async () => {
      const { resources } = await recordSample(sample);
      const programs = resources.filter(({ program }) => program !== "");
      assert.ok(programs.length > 5);
      for (const { urn, program } of programs) {
        const { stderr, status } = bash(program, "-n");
        assert.equal(`${status}${stderr}`, "0", urn);
      }
    });
  }
});
