import assert from "node:assert/strict";
import { utimesSync } from "node:fs";
import { join } from "node:path";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";
import { take } from "./furnish";

const key = (n: number) => `-----BEGIN PUBLIC KEY-----\n${n}\n-----END PUBLIC KEY-----\n`;
const path = "etc/kubernetes/pki/sa.pub";

/** A cluster whose file asks for the second key. */
describe("the key of service accounts", function () {
  this.timeout(60_000);
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("restore");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, graph, "master-01");
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
    machine.write("state/units/kube-apiserver.service.active", "2026-01-01 00:00:00.000000 UTC\n");
    machine.write(path, key(1));
    const past = new Date("2025-01-01");
    utimesSync(join(machine.root, path), past, past);
    shows(1);
  });
  afterEach(() => machine.close());

  /** How many keys the API server tells everybody of. */
  const shows = (count: number) =>
    machine.write(
      "state/api/openid_v1_jwks",
      JSON.stringify({ keys: Array.from({ length: count }, () => ({})) }),
    );
  const run = (seconds: number) =>
    machine.run(
      replaced(
        replaced(
          programOf(graph, "master-01-service-account"),
          "wait_for 120",
          `wait_for ${seconds}`,
        ),
        /(?<=new_key\(\) \{\n)[^]*?(?=\n\})/,
        `printf -- '${key(2).replaceAll("\n", "\\n")}'`,
      ),
    );
  const restarts = (calls: readonly string[]) =>
    calls.filter((call) => call.startsWith("systemctl restart"));

  it("is given to the API server beside the former one, which starts anew and is waited for, once", () => {
    const first = run(0);
    assertRefused(first, /did not answer with key 2 of service accounts within 120 s/);
    assert.deepEqual(restarts(first.calls), [
      "systemctl restart --no-block kube-apiserver.service",
    ]);
    assert.equal(machine.read(path), `${key(1)}${key(2)}`);
    shows(2);
    const again = run(5);
    assert.equal(again.stdout, "unchanged", again.stderr);
    assert.deepEqual(restarts(again.calls), []);
  });

  it("is none of a master that has no control plane yet", () => {
    machine.remove(path);
    assert.equal(run(0).stdout, "unchanged");
    assert.ok(!machine.exists(path));
  });

  it("is not forgotten while pods may have tokens of it", () => {
    const program = programOf(graph, "master-01-control-plane", { SERVICE_ACCOUNT_KEYS: "1" });
    machine.write(path, `${key(2)}${key(1)}`);
    machine.write("etc/kubernetes/pki/sa.key", "key 2\n");
    assertRefused(
      machine.run(program),
      /pods may still have tokens of the former key of service accounts: .*nothing was changed/,
    );
    const past = new Date(Date.now() - 2 * 3_600_000);
    utimesSync(join(machine.root, "etc/kubernetes/pki/sa.key"), past, past);
    assert.doesNotMatch(machine.run(program).stderr, /pods may still have tokens/);
  });
});
