import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expected } from "./failures/expected";

const folder = join(__dirname, "failures");
const programs = ["/usr/sbin/sshd", "/usr/bin/sudo", "/usr/bin/unshare", "/usr/sbin/ip"];

/** What a program of the folder prints, where servers and users are to be broken at will. */
function printed<T>(context: Mocha.Context, program: string): T {
  context.timeout(300_000);
  // Only root has users and networks of its own.
  if (process.getuid?.() !== 0) context.skip();
  const missing = programs.filter((path) => !existsSync(path) && !existsSync(`/usr${path}`));
  assert.deepEqual(missing, [], "lab/requirements.sh installs them");
  const args = [process.execPath, "-r", "ts-node/register", join(folder, program)];
  return JSON.parse(execFileSync(join(folder, "machine.sh"), args, { encoding: "utf8" })) as T;
}

describe("a password that sudo does not take", () => {
  it("is guessed once by a program, and once by a step or what takes it back", function () {
    assert.deepEqual(printed(this, "guesses.ts"), {
      "one look": 1,
      "two looks": 1,
      "the same is said of both": true,
      "a look with another": 2,
      "the right one": "",
      "a step": 3,
      "its status": 1,
      "it ran": false,
    });
  });
});

describe("what we say of a machine of Debian's that does not run what it is given", () => {
  let said: Readonly<Record<string, string>>;
  before(function () {
    said = printed(this, "ours.ts");
  });

  const tried = Object.entries(expected).filter(([, { ours }]) => ours !== undefined);
  for (const [name, { ours }] of tried) {
    it(`names who it is, what is wrong and what to do: ${name}`, () => {
      if (ours instanceof RegExp) assert.match(said[name] ?? "not tried", ours);
      else assert.equal(said[name], ours);
    });
  }

  it("is not left out", () =>
    assert.deepEqual(Object.keys(said).sort(), tried.map(([name]) => name).sort()));
});
