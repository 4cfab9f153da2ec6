import assert from "node:assert/strict";
import { recordNodes } from "./nodes";
import { closure, type Graph } from "./record";

const masters = ["master-01", "master-02", "master-03"];
const workers = Array.from({ length: 21 }, (_, i) => `worker-${String(i + 1).padStart(2, "0")}`);
const everyone = [...masters, ...workers];

/** The nodes whose step of that name a node's own waits for. */
function waitsFor(graph: Graph, node: string, step = "kubelet"): string[] {
  const urnOf = (name: string) =>
    graph.resources.find((r) => r.name === `${name}-${step}`)?.urn ?? "";
  const before = closure(graph, urnOf(node));
  return everyone.filter((name) => name !== node && before.has(urnOf(name)));
}

describe("the order in which settings reach the nodes", () => {
  let first: Graph;
  let second: Graph;
  before(async () => {
    first = await recordNodes(everyone);
    second = await recordNodes([...everyone, "worker-22"], { before: first });
  });

  it("is none at the first up: all nodes join at once", () => {
    for (const node of everyone) assert.deepEqual(waitsFor(first, node), [], node);
    for (const node of masters.slice(1))
      assert.deepEqual(waitsFor(first, node, "control-plane"), ["master-01"], node);
  });

  it("is one master after the other, then a tenth of the workers after the other", () => {
    for (const step of ["kubelet", "control-plane"])
      for (const [i, master] of masters.entries())
        assert.deepEqual(waitsFor(second, master, step), masters.slice(0, i), `${master} ${step}`);
    for (const [i, worker] of workers.entries()) {
      const earlier = workers.slice(0, Math.floor(i / 3) * 3);
      assert.deepEqual(waitsFor(second, worker), [...masters, ...earlier], worker);
    }
  });

  it("restarts no etcd before every node has its programs, one at a time, and no API server meanwhile", () => {
    const before = (name: string) => {
      const urns = closure(second, second.resources.find((r) => r.name === name)?.urn ?? "");
      return new Set(second.resources.flatMap((r) => (urns.has(r.urn) ? [r.name] : [])));
    };
    for (const [i, master] of masters.entries()) {
      const names = before(`${master}-etcd`);
      for (const node of everyone) assert.ok(names.has(`${node}-prepare`), `${master} ${node}`);
      for (const other of masters) {
        assert.equal(names.has(`${other}-etcd`), masters.indexOf(other) < i, master);
        assert.ok(!names.has(`${other}-control-plane`), master);
        assert.ok(before(`${master}-control-plane`).has(`${other}-etcd`), master);
      }
    }
  });

  it("takes the kubelets when all control planes have had their turn", () => {
    const urns = closure(
      second,
      second.resources.find(({ name }) => name === "master-01-kubelet")?.urn ?? "",
    );
    for (const master of masters)
      assert.ok(
        second.resources.some(
          ({ name, urn }) => name === `${master}-control-plane` && urns.has(urn),
        ),
        master,
      );
  });

  it("goes past a machine that is lost", async () => {
    const lost = await recordNodes(everyone, { before: first, lost: ["master-02"] });
    assert.deepEqual(waitsFor(lost, "master-03"), ["master-01"]);
  });

  it("holds up no new node, and no other for its sake", () => {
    assert.deepEqual(waitsFor(second, "worker-22"), []);
  });
});
