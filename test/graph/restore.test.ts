import assert from "node:assert/strict";
import { closure, type Graph, type Registration } from "./record";
import { readProgram } from "./program";
import { recordSample } from "./samples";
import { commands, named } from "./select";

const masters = ["master-01", "master-02"];

describe("the graph when etcd goes back to a snapshot", () => {
  let graph: Graph;
  before(async () => void (graph = await recordSample("restore")));
  const waits = (step: string, ...others: readonly string[]) => {
    const before = closure(graph, named(graph, step).urn);
    for (const other of others)
      assert.ok(before.has(named(graph, other).urn), `${step} does not wait for ${other}`);
  };
  const variablesOf = ({ program }: Registration) => readProgram(program).variables;
  const epochOf = (step: Registration) => variablesOf(step).EPOCH;

  it("looks at the snapshot before anything is stopped, and stops everything before etcd begins anew", () => {
    for (const master of masters) waits(`etcd-restore-${master}-halt`, "etcd-restore-2-check");
    waits("etcd-restore-2", ...masters.map((master) => `etcd-restore-${master}-halt`));
    for (const master of masters) waits(`${master}-etcd`, "etcd-restore-2");
    waits("master-03-forget", "etcd-restore-2");
    waits("etcd-restore-2-settle", "master-01-control-plane");
  });

  it("stops no machine that is lost, and asks whether it is off", () => {
    assert.ok(!graph.resources.some(({ name }) => name === "etcd-restore-master-03-halt"));
    const { LOST, PEERS } = variablesOf(named(graph, "etcd-restore-2-check"));
    assert.deepEqual([LOST, PEERS], ["10.0.0.13", "10.0.0.11 10.0.0.12"]);
  });

  it("restores on the master that has the snapshot, and has everything run again that the snapshot may not know", () => {
    assert.match(JSON.stringify(named(graph, "etcd-restore-2").inputs.connection), /10\.0\.0\.12/);
    const again = commands(graph).filter((step) => epochOf(step) !== undefined);
    const names = again
      .map(({ name }) => name)
      .filter((name) => !/^(etcd-restore|encryption)/.test(name));
    const ofMasters = ["admit", "control-plane", "etcd", "kubelet", "signing"];
    assert.deepEqual(
      names.sort(),
      [
        ...masters.flatMap((master) => ofMasters.map((step) => `${master}-${step}`)),
        "worker-01-admit",
        "worker-01-kubelet",
      ].sort(),
    );
    for (const step of again) assert.equal(epochOf(step), "2", step.name);
  });

  it("never restores again because a machine is another", () => {
    for (const step of ["etcd-restore-2", "etcd-restore-2-check", "etcd-restore-2-settle"])
      assert.deepEqual(named(graph, step).ignoreChanges, ["connection", "create", "stdin"], step);
  });

  it("tells nobody of a restore where the file asks for none", async () => {
    for (const step of commands(await recordSample("small")))
      assert.equal(epochOf(step), undefined, step.name);
  });
});
