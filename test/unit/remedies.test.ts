import assert from "node:assert/strict";
import type { NodePlan } from "../../config/plan";
import { remedyOf } from "../../ssh/remedies";
import { shell } from "../../ssh/shell";

const node = {
  name: "worker-01",
  ssh: { host: "10.0.0.21", port: 22, user: "admin" },
} as NodePlan;

describe("the remedy for an error of a connection", () => {
  for (const [message, kind, remedy] of [
    ["sudo: a password is required", "refused", /gives user admin no sudo without a password/],
    ["sudo: a terminal is required to read the password", "refused", /NOPASSWD/],
    ["bash: line 1: sudo: command not found", "refused", /NOPASSWD/],
    ["ssh: handshake failed: knownhosts: key mismatch", "stranger", /shows another host key/],
    [
      "ssh: unable to authenticate, attempted methods [none publickey]",
      "refused",
      /does not let user admin/,
    ],
    [
      "after 5 failed attempts: dial tcp 10.0.0.21:22: i/o timeout",
      "silent",
      /does not answer over SSH/,
    ],
  ] as const) {
    it(`names the machine and what to do: ${message}`, () => {
      const found = remedyOf(message, node);
      assert.equal(found?.kind, kind);
      const { text = "" } = found ?? {};
      assert.match(text, remedy);
      assert.match(text, /worker-01 \(10\.0\.0\.21/);
    });
  }

  for (const [said, kind] of [
    ["Process exited with status 1", undefined],
    ["Process exited with status 1: This account is currently not available.", undefined],
    ["Process exited with status 1: Please login as the user admin rather than root.", undefined],
    ["Process exited with status 1: sudo: a password is required", "refused"],
    ["ssh: handshake failed: knownhosts: key mismatch", "stranger"],
  ] as const) {
    it(`is not decided by the step's own command: ${said}`, () => {
      for (const user of ["root", "admin"])
        for (const step of ["create", "delete"]) {
          const command = `${shell({ user }, 600)} ${step}`;
          const [status = "", words = ""] = said.split(/: (.*)/);
          const message = `${status}: running ${JSON.stringify(command)}:\n${words}`;
          assert.equal(remedyOf(message, node)?.kind, kind);
        }
    });
  }

  it("is silent about what it does not know", () => {
    assert.equal(remedyOf("Process exited with status 1", node), undefined);
  });
});
