import assert from "node:assert/strict";
import fc from "fast-check";
import { wholeProgram } from "../graph/deliveries";
import { FakeMachine, replaced } from "./fakeMachine";

/** Texts that a shell might trip over, each with a word in it that nobody else says. */
const secrets = fc
  .array(
    fc.constantFrom(
      "'",
      '"',
      "\n",
      "$",
      "\\",
      " ",
      "`",
      "<<E",
      "=",
      "$'",
      "!",
      "(",
      "#",
      "é",
      "\t",
    ),
    { maxLength: 8 },
  )
  .chain((parts) =>
    fc
      .nat(parts.length)
      .map((at) => [...parts.slice(0, at), "hunter2", ...parts.slice(at)].join("")),
  )
  // What is a text of several lines has none that ends it.
  .filter((text) => !text.split("\n").includes("GROUNDWORK_END"));

/** Commands of a step that fail with a value or a text of the program in their hands. */
const failing = [
  "secret >/dev/full",
  "secret | false",
  "{ secret; } >/dev/full",
  "( secret >/dev/full )",
  "VALUE=$(secret >/dev/full)",
  'printf %s "$SECRET" >/dev/full',
  '[ "$SECRET" = another ]',
  'false "$SECRET" <<<"$SECRET"',
  'case "$SECRET" in *hunter*) false ;; esac',
  "false 'hunter2'",
  "install_files",
  "secret() { return 3; }; secret",
];

describe("a step that fails", () => {
  let machine: FakeMachine;
  beforeEach(() => {
    machine = new FakeMachine();
  });
  afterEach(() => machine.close());

  /** The program of a step with a secret in all its places, and `commands` before its own. */
  const stepWith = (secret: string, commands: string) =>
    replaced(
      wholeProgram({
        script: "lost",
        variables: { NODE: "worker-01", NODE_IP: "10.0.0.21", STEP: "test", SECRET: secret },
        secrets: { secret },
        files: [{ path: "/proc/nothing/secret", content: secret, secret: true }],
      }),
      "\nfinish\n;;",
      `\n${commands}\nfinish\n;;`,
    );

  for (const command of failing) {
    it(`says so, and nothing of what it was given: ${command}`, () => {
      fc.assert(
        fc.property(secrets, (secret) => {
          const { status, stdout, stderr } = machine.run(stepWith(secret, command));
          assert.equal(status, 1, stderr);
          assert.match(stderr, /groundwork: test failed on worker-01 \(10\.0\.0\.21\): /);
          assert.doesNotMatch(stdout + stderr, /hunter2/);
        }),
        { numRuns: 8 },
      );
    });
  }

  /** Programs have their values as assignments; each is made to fail in its turn. */
  it("says nothing of a value that cannot be assigned", () => {
    fc.assert(
      fc.property(secrets, (secret) => {
        const program = replaced(stepWith(secret, ""), /^SECRET=/m, "local -r OTHER=1; OTHER=");
        const { status, stdout, stderr } = machine.run(program);
        assert.notEqual(status, 0, "it could be assigned");
        assert.doesNotMatch(stdout + stderr, /hunter2/);
      }),
      { numRuns: 8 },
    );
  });

  it("tells the command, where it stands and its status", () => {
    const { stderr } = machine.run(stepWith("hunter2", "( exit 7 )"));
    assert.match(stderr, /: line \d+: \( exit 7 \) ended with status 7\n {2}what to do: /);
  });

  it("shows of a service's last words nothing that controls a terminal, and no key", () => {
    const token = "abcdef.0123456789abcdef";
    const key = `AQ${"x".repeat(36)}==`;
    machine.write("state/journal", `\u001b[2Jerror: \u0007no ${token}\nkey = ${key}\u009b\u007f\n`);
    const { stderr } = machine.run(stepWith("x", "die broken mend etcd.service"));
    assert.match(stderr, /error: {2}no \(left out\)\n/);
    assert.doesNotMatch(stderr, /[^\n -~]|abcdef|xxx/);
  });
});
