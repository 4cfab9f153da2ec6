import assert from "node:assert/strict";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf } from "./fakeMachine";
import { clusterId } from "./furnish";

const maps = "state/api/api_v1_namespaces_kube-system_configmaps_groundwork";
const node = "state/api/api_v1_nodes_edge-01";
const declaration = {
  ip: "10.0.0.31",
  managed: false,
  certSans: ["192.0.2.31", "edge.example.org"],
};

describe("a node that is not managed", function () {
  this.timeout(60_000);
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("unmanaged");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
    machine.lock(clusterId, "master-01");
  });
  afterEach(() => machine.close());

  const declare = () => machine.run(programOf(graph, "edge-01-declare"));
  const undeclare = () => machine.run(programOf(graph, "edge-01-declare"), "delete");
  const known = (own: object) =>
    machine.write(`${maps}-nodes`, JSON.stringify({ data: { "edge-01": JSON.stringify(own) } }));
  const dataOf = (map: string) =>
    (JSON.parse(machine.read(`${maps}-${map}`)) as { data: Record<string, string> }).data;
  const comes = (ready = "True") =>
    machine.write(
      node,
      JSON.stringify({ status: { conditions: [{ type: "Ready", status: ready }] } }),
    );

  it("is declared with what it may be called, once, and anew where the file says another thing", () => {
    const { status, stdout, stderr } = declare();
    assert.equal(status, 0, stderr);
    assert.equal(stdout, "changed: 1");
    assert.deepEqual(JSON.parse(dataOf("nodes")["edge-01"] ?? ""), declaration);
    assert.equal(declare().stdout, "unchanged");
    known({ ...declaration, certSans: [] });
    assert.equal(declare().stdout, "changed: 1");
    assert.deepEqual(JSON.parse(dataOf("nodes")["edge-01"] ?? ""), declaration);
    assert.ok(!machine.exists("var/lib/cluster-state/steps/declare"));
  });

  it("is not made of one that is managed, whose leave would come after", () => {
    known({ ip: "10.0.0.31", identity: "a", taints: [] });
    assertRefused(declare(), /edge-01 is a node that is managed\n.*delete its entry and run/);
    machine.write("state/overloaded", `${maps}-nodes`.replace("state/api/", ""));
    assertRefused(declare(), /the API server does not tell what is declared of edge-01/);
  });

  it("leaves: it renews nothing before its pods go and its Node is deleted, and its ticket is gone", () => {
    declare();
    comes();
    const ticket = JSON.stringify({ token: "fedcba", until: "2999-01-01T00:00:00Z" });
    machine.write(`${maps}-tickets`, JSON.stringify({ data: { "edge-01": ticket, other: "{}" } }));
    const { status, stdout, stderr, calls } = undeclare();
    assert.equal(status, 0, stderr);
    assert.equal(stdout, "changed: 1");
    assert.deepEqual(Object.keys(dataOf("nodes")), []);
    assert.deepEqual(Object.keys(dataOf("tickets")), ["other"]);
    const at = (what: RegExp) => {
      const found = calls.findIndex((call) => what.test(call));
      assert.ok(found >= 0, `${what}: ${calls.join("\n")}`);
      return found;
    };
    const steps = [
      at(/^curl PATCH .*groundwork-nodes/),
      at(/^kubectl .*delete secret bootstrap-token-fedcba /),
      at(/^kubectl drain edge-01 .*--timeout=300s/),
      at(/^kubectl delete node edge-01 /),
    ];
    assert.deepEqual(
      steps,
      [...steps].sort((a, b) => a - b),
    );
    const again = undeclare();
    assert.equal(again.stdout, "unchanged", again.stderr);
  });

  it("leaves without its pods where it does not answer, and stays undeclared where they cannot go", () => {
    declare();
    comes("Unknown");
    const { status, stderr, calls } = undeclare();
    assert.equal(status, 0, stderr);
    assert.ok(!calls.some((call) => call.startsWith("kubectl drain")));
    assert.match(calls.join("\n"), /^kubectl delete node edge-01 /m);

    declare();
    comes();
    machine.write("state/undrainable", "");
    assertRefused(undeclare(), /edge-01 could not be drained within 300 s/);
    assert.deepEqual(Object.keys(dataOf("nodes")), []);
    assert.ok(machine.exists(node));
  });

  it("takes nothing from a node that is managed and has its name by now", () => {
    known({ ip: "10.0.0.31", identity: "a", taints: [] });
    comes();
    const { stdout, calls } = undeclare();
    assert.equal(stdout, "unchanged");
    assert.ok(!calls.some((call) => /^kubectl|^curl (?!GET)/.test(call)), calls.join("\n"));
  });
});
