import assert from "node:assert/strict";
import { orderOf } from "../../components/order";
import { loadCluster } from "../../config/load";
import { recordNodes } from "./nodes";
import { closure } from "./record";
import { sampleFile } from "./samples";
import { commands, named } from "./select";
import { readProgram } from "./program";

const names = ["master-01", "worker-01", "worker-02"];
const entry = (n: number) => ({
  bootstrap_address: `192.0.2.${n}`,
  interfaces: [
    {
      mac_addresses: [`52:54:00:00:00:0${n}`],
      addresses: [`10.0.1.${n}/24`],
      gateway: "10.0.1.254",
    },
  ],
});

describe("a machine's network in the graph", () => {
  it("is a step before all others of its node, and none of a node that gives none", async () => {
    const graph = await recordNodes(names, { entries: { "worker-01": entry(1) } });
    const steps = commands(graph).filter(({ name }) => name.endsWith("-network"));
    assert.deepEqual(
      steps.map(({ name }) => name),
      ["worker-01-network"],
    );
    const [step] = steps;
    assert.ok(step);
    assert.ok(closure(graph, named(graph, "worker-01-preflight").urn).has(step.urn));
    assert.ok(!closure(graph, named(graph, "worker-02-preflight").urn).has(step.urn));
    const gives = ["worker-01-gives", "worker-01-brings"];
    assert.deepEqual(step.hooksBefore, { create: gives, update: gives });
    assert.equal(step.inputs.delete, undefined, "a machine that leaves keeps its network");
    const { variables } = readProgram(step.program);
    assert.equal(variables.CARDS, "52:54:00:00:00:01");
    assert.match(variables.NETWORKD ?? "", /\nGateway=10\.0\.1\.254\n/);
    assert.match(JSON.stringify(step.inputs.connection), /10\.0\.1\.1/);
    assert.doesNotMatch(
      JSON.stringify(graph.resources),
      /192\.0\.2\./,
      "a step would be dialled there",
    );
  });

  it("is dialled by nobody when the machine is lost", async () => {
    const entries = { "worker-01": entry(1) };
    const graph = await recordNodes(names, { entries, lost: ["worker-01"] });
    const step = named(graph, "worker-01-network");
    assert.deepEqual(step.hooksBefore.create, ["worker-01-brings"]);
    assert.equal(step.retainOnDelete, true);
  });

  it("changes on one former machine after the other, and on new ones at once", () => {
    const plan = loadCluster(sampleFile("small"));
    const given = {
      ...plan,
      nodes: plan.nodes.map((node) => ({ ...node, network: { links: [] } })),
    };
    const all = given.nodes.map(({ name }) => name);
    const [first = "", second = "", third = ""] = all;
    const before = (former: string[], name: string) =>
      orderOf(given, former).get(`${name}/network`);
    assert.deepEqual(before([], second), []);
    assert.deepEqual(before([first, third], second), []);
    assert.deepEqual(before([first, third], third), [`${first}/network`]);
    assert.deepEqual(before(all, second), [`${first}/network`]);
  });
});
