import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { NodePlan } from "../../config/plan";
import { remedyOf } from "../../ssh/remedies";
import { shell } from "../../ssh/shell";
import { told } from "../../ssh/told";
import { expected } from "../plugins/failures/expected";

const words = JSON.parse(
  readFileSync(join(__dirname, "../plugins/failures/provider.json"), "utf8"),
) as Readonly<Record<string, string>>;
const node = {
  name: "worker-01",
  ssh: { host: "10.0.0.21", port: 22, user: "admin", hostKey: "ssh-ed25519 AAAA" },
} as NodePlan;

describe("the real provider's error of a step", () => {
  for (const [name, { provider }] of Object.entries(expected)) {
    it(`is understood: ${name}`, () => {
      const text = words[name];
      assert.ok(text !== undefined, "test/plugins/failures/record.sh writes it");
      if (provider === "fine") return assert.equal(text, "");
      const what = told(text);
      if (provider instanceof RegExp) {
        assert.ok(what && typeof what === "object" && "ending" in what, text);
        return assert.match(what.ending, provider);
      }
      if (provider === "unclear") return assert.equal(what, provider);
      const [, bastion, trouble] = /^(bastion )?(.*)$/.exec(provider) ?? [];
      assert.deepEqual(what, { trouble, atBastion: bastion !== undefined });
    });
  }

  it("was recorded of these cases and no others", () =>
    assert.deepEqual(Object.keys(words).sort(), Object.keys(expected).sort()));

  it("is not decided by the step's command, nor by what runs there says", () => {
    const hostile = Object.values(words).join("\n");
    for (const user of ["root", "admin"])
      for (const sudoPassword of [undefined, "dial tcp"])
        for (const status of ["1", "2", "255"]) {
          const command = `${shell({ user, sudoPassword }, 600)} create`;
          const message = `Process exited with status ${status}: running ${JSON.stringify(command)}:\n${hostile}`;
          assert.equal(told(message), "unclear");
          assert.equal(told(`${message}\ngroundwork: etcd failed on worker-01`), undefined);
        }
  });
});

describe("the remedy for a trouble of a connection", () => {
  for (const [trouble, remedy] of [
    ["stranger", /worker-01's host_key/],
    ["refused", /user admin .*ssh\.private_key_file/],
    ["keys", /MaxAuthTries.*ssh-add/],
    ["agent", /SSH_AUTH_SOCK/],
    ["name", /10\.0\.0\.21/],
    ["closed", /port/],
    ["unreachable", /routes/],
    ["silent", /is on/],
    ["hangs", /restart the machine/],
    ["kex", /add curve\S+ to KexAlgorithms/],
    ["cipher", /add aes\S+ to Ciphers/],
    ["mac", /add hmac\S+ to MACs/],
    ["keyType", /type ssh-ed25519, .* worker-01's host_key/],
    ["factor", /'Match User admin'/],
    ["cut", /MaxStartups/],
  ] as const)
    it(`names the machine and what to do: ${trouble}`, () => {
      const text = remedyOf(trouble, node);
      assert.match(text, remedy);
      assert.match(text, /worker-01/);
    });
});
