import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { wholeProgram } from "../graph/deliveries";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";
import { clusterId, take } from "./furnish";

const file = "etc/kubernetes/encryption.yaml";
const metrics = "state/api/metrics";

/** A cluster whose file asks for the second key. */
describe("the key of Secrets", function () {
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
    machine.write(
      "etc/systemd/system/kube-apiserver.service",
      "--encryption-provider-config-automatic-reload=true",
    );
    for (const unit of ["etcd", "kube-apiserver"])
      machine.write(`state/units/${unit}.service.active`, "2026-01-01 00:00:00.000000 UTC\n");
    has("key1");
  });
  afterEach(() => machine.close());

  const has = (...keys: readonly string[]) =>
    machine.write(
      file,
      JSON.stringify({
        resources: [
          {
            resources: ["secrets"],
            providers: [
              { secretbox: { keys: keys.map((name) => ({ name, secret: `secret of ${name}` })) } },
              { identity: {} },
            ],
          },
        ],
      }),
    );
  const keys = () =>
    [...machine.read(file).matchAll(/"name":"(\w+)","secret":"([^"]+)"/g)].map(
      ([, name, secret]) => `${name}: ${secret}`,
    );
  /** The API server says which text it has read. */
  const hasRead = (text: string) => {
    const hash = createHash("sha256").update(text).digest("hex");
    machine.write(
      metrics,
      `apiserver_encryption_config_controller_last_config_info{hash="sha256:${hash}"} 1\n`,
    );
  };
  const phase = (PHASE: "accept" | "use", seconds = 0) =>
    machine.run(
      replaced(
        wholeProgram({
          script: "encryption-key",
          variables: {
            NODE: "master-01",
            NODE_IP: "10.0.0.11",
            CLUSTER_ID: clusterId,
            CLUSTER_NAME: "sample",
            STEP: "encryption-key",
            ENCRYPTION_KEY: "2",
            PHASE,
          },
          texts: { new_key: '{"name":"key2","secret":"secret of key2"}' },
        }),
        "wait_for 180",
        `wait_for ${seconds}`,
      ),
    );
  const one = "key1: secret of key1";
  const two = "key2: secret of key2";

  it("is added behind the former one, then put before it, and each is waited for", () => {
    hasRead(machine.read(file));
    assertRefused(phase("accept"), /the API server has not read its keys again/);
    assert.deepEqual(keys(), [one, two]);
    hasRead(machine.read(file));
    assert.equal(phase("accept", 5).stdout, "unchanged");
    assertRefused(phase("use"), /the API server has not read its keys again/);
    assert.deepEqual(keys(), [two, one]);
    hasRead(machine.read(file));
    const { status, calls } = phase("use", 5);
    assert.equal(status, 0);
    assert.ok(!calls.some((call) => call.startsWith("systemctl restart")));
  });

  it("never goes back to an earlier phase", () => {
    for (const later of [["key2", "key1"], ["key2"]]) {
      has(...later);
      hasRead(machine.read(file));
      for (const either of ["accept", "use"] as const) {
        const { stdout, stderr } = phase(either, 5);
        assert.equal(stdout, "unchanged", stderr);
      }
      assert.equal(keys().length, later.length);
    }
  });

  it("is waited for by time where an API server does not say what it has read", () => {
    const said = (at: number) =>
      machine.write(
        metrics,
        `apiserver_encryption_config_controller_automatic_reload_last_timestamp_seconds{apiserver_id_hash="sha256:1",status="success"} ${at}\n`,
      );
    said(1.6e9);
    assertRefused(phase("accept"), /has not read its keys again/);
    said(Date.now() / 1000 + 5);
    assert.equal(phase("accept", 5).status, 0);
  });

  it("is none of a master that has no control plane yet, and not waited for where none runs", () => {
    machine.remove("state/units/kube-apiserver.service.active");
    assert.equal(phase("accept", 5).status, 0);
    assert.deepEqual(keys(), [one, two]);
    machine.remove(file);
    assert.equal(phase("use", 5).stdout, "unchanged");
    assert.ok(!machine.exists(file));
  });

  it("is not changed where the API server would not read it again, or where there is a later one", () => {
    const before = machine.read(file);
    machine.write("etc/systemd/system/kube-apiserver.service", "");
    assertRefused(phase("accept"), /was started by a former release/);
    assert.equal(machine.read(file), before);
    has("key3", "key2");
    assertRefused(
      phase("accept"),
      /has key 3 .* the cluster file asks for key 2: .* nothing was changed/,
    );
    const refused = machine.run(programOf(graph, "master-01-control-plane"));
    assertRefused(refused, /has key 3 for Secrets/);
    assert.deepEqual(
      refused.calls.filter((call) => call.startsWith("systemctl")),
      [],
    );
  });

  const stores = (secrets: Readonly<Record<string, string>>) =>
    machine.write(
      "state/registry",
      JSON.stringify(
        Object.fromEntries(
          Object.entries(secrets).map(([name, value]) => [`/registry/secrets/${name}`, value]),
        ),
      ),
    );
  const stored = () =>
    Object.values(JSON.parse(machine.read("state/registry")) as Record<string, string>);
  const step = (more: Record<string, string> = {}) =>
    machine.run(replaced(programOf(graph, "encryption", more), "patience=60", "patience=0"));
  const former = "k8s:enc:secretbox:v1:key1:text";

  it("is what all Secrets are stored with in the end, and those that are stored with it are left alone", () => {
    const many = Array.from({ length: 110 }, (_, n) => [`default/s-${n}`, former] as const);
    stores({
      ...Object.fromEntries(many),
      "kube-system/plain": "k8s\u0000a text that was never encrypted",
      "kube-system/new": "k8s:enc:secretbox:v1:key2:before",
    });
    const { status, stderr, calls } = step();
    assert.equal(status, 0, stderr);
    assert.match(stderr, /had 111 Secrets encrypted with key 2/);
    assert.equal(calls.filter((call) => call.startsWith("curl PATCH ")).length, 111);
    const all = stored();
    assert.equal(all.filter((value) => value.endsWith(":anew")).length, 111);
    assert.ok(all.includes("k8s:enc:secretbox:v1:key2:before"));
    assert.equal(step().stdout, "unchanged");
  });

  it("is asked of another master's API server where this one has none", () => {
    stores({ "default/one": former });
    machine.write("state/no-api", "127.0.0.1\n10.0.0.11\n");
    const { status, stderr, calls } = step();
    assert.equal(status, 0, stderr);
    assert.ok(calls.some((call) => /^curl PATCH https:\/\/10\.0\.0\.12:6443\//.test(call)));
  });

  it("is not all Secrets' where etcd does not answer, nobody stores them anew, or somebody refuses", () => {
    stores({ "refused/one": former, "default/two": former });
    assertRefused(
      step(),
      /1 of 2 Secrets are still encrypted with a former key, refused\/one among them; the API server says 403 https:/,
    );
    assert.equal(stored().filter((value) => value.endsWith(":anew")).length, 1);
    machine.write("state/no-api", "127.0.0.1\n10.0.0.11\n10.0.0.12\n");
    assertRefused(
      step({ EPOCH: "" }),
      /no API server answers, and Secrets are encrypted with a former key/,
    );
    // A restore has stopped them: when they run again it is done.
    assert.equal(step().stdout, "unchanged");
    machine.write("state/registry", "no JSON");
    const { status } = step();
    assert.equal(status, 1);
  });
});
