import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { mock } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { loadCluster } from "../../config/load";
import type { NodePlan } from "../../config/plan";
import { turnsOf } from "../../components/turns";
import { whatRuns } from "./deliveries";
import { recordNodes } from "./nodes";
import { closure, type Graph, reveal } from "./record";
import { recordSample, sampleFile } from "./samples";
import { named } from "./select";

const nodes = [1, 2, 3].map((n) => `master-0${n}`).concat([1, 2, 3].map((n) => `worker-0${n}`));
const all = (maintenance: number) =>
  Object.fromEntries(nodes.map((name) => [name, { maintenance }]));
const maintained = ({ resources }: Graph) =>
  resources.flatMap(({ name, type }) =>
    type === "command:remote:Command" && name.endsWith("-maintain") ? [name.slice(0, -9)] : [],
  );

describe("maintenance", () => {
  let former: Graph;
  before(async () => {
    former = await recordNodes(nodes);
  });

  it("is nobody's whom the file does not name", async () => {
    assert.deepEqual(maintained(former), []);
    const graph = await recordNodes(nodes, {
      before: former,
      entries: { "worker-02": { maintenance: 1 } },
    });
    assert.deepEqual(maintained(graph), ["worker-02"]);
  });

  it("goes one after the other when all else is done, and is a change of nothing else", async () => {
    const graph = await recordNodes(nodes, { before: former, entries: all(1) });
    const urn = (name: string) => named(graph, name).urn;
    for (const [i, node] of nodes.entries()) {
      const waits = closure(graph, urn(`${node}-maintain`));
      for (const [j, other] of nodes.entries()) {
        assert.equal(waits.has(urn(`${other}-maintain`)), j < i, `${node} and ${other}`);
        assert.ok(waits.has(urn(`${other}-admit`)), `${node} does not wait for ${other}`);
      }
      assert.ok(waits.has(urn("dns-coredns")), node);
    }
    const others = ({ resources }: Graph) =>
      new Map(
        resources
          .filter(
            ({ name, type }) =>
              !/-(maintain|identity)$/.test(name) && !/:Cluster$|:Maintenance$/.test(type),
          )
          .map((one) => [one.urn, one.inputs]),
      );
    const [was, is] = [others(former), others(graph)];
    const changed = [...is.keys()].filter((urn) => !isDeepStrictEqual(was.get(urn), is.get(urn)));
    assert.deepEqual(
      changed.filter((urn) => !/-last$/.test(urn)),
      [],
    );
  });

  it("is nothing a node that comes with it has to wait for", async () => {
    const graph = await recordNodes([...nodes, "worker-04"], {
      before: former,
      entries: { ...all(1), "worker-04": { maintenance: 1 } },
    });
    const waits = closure(graph, named(graph, "worker-04-maintain").urn);
    for (const node of nodes) assert.ok(!waits.has(named(graph, `${node}-maintain`).urn), node);
    // A machine counts from the number of the day when it came.
    assert.match(named(graph, "worker-04-maintain").program, /^SINCE='1'$/m);
  });

  it("is not done to a machine that is lost", async () => {
    const graph = await recordNodes(nodes, {
      before: former,
      entries: all(1),
      lost: ["master-02"],
    });
    assert.ok(!maintained(graph).includes("master-02"));
  });

  it("shows in a preview who goes when, and what is done to whom", async () => {
    const info = mock.method(pulumi.log, "info", () => Promise.resolve());
    try {
      const first = await recordNodes(nodes, { before: former, entries: all(1) });
      const entries = { ...all(1), "worker-01": { maintenance: 2 } };
      await recordNodes(nodes, { before: first, preview: true, entries });
      const said = info.mock.calls.map(({ arguments: [text] }) => text as unknown as string);
      assert.equal(said.length, 2, said.join("\n"));
      assert.match(
        said[0] ?? "",
        /^Maintenance, one line after the other, where it was not done yet:\n {2}master-01: packages fetched, drained, packages upgraded, restarted, back when all is healthy\n {2}master-02: [^]*\n {2}worker-03: /,
      );
      assert.match(said[1] ?? "", /^Maintenance, [^\n]*\n {2}worker-01: [^\n]*$/);
    } finally {
      info.mock.restore();
    }
  });

  it("empties a node by a master, and asks Ceph by another machine's monitor", async () => {
    const { hooks } = await recordSample("maintained");
    // The first question is all that a machine is asked that answers nothing.
    const ran = await whatRuns(() =>
      Promise.resolve(hooks["worker-02-maintained"]?.({ name: "worker-02-maintain" })).catch(
        () => {},
      ),
    );
    assert.deepEqual([...new Set(ran.map(([{ node }]) => node.name))], ["worker-02"]);
    assert.match(ran[0]?.[1] ?? "", /^ACTION='look'$/m);
    assert.match(ran[0]?.[1] ?? "", /^MAINTENANCE='2'$/m);
  });

  it("lets a master and a machine of Ceph be away alone, and others by failure domain", () => {
    const plan = loadCluster(sampleFile("maintained"));
    const names = (turns: ReturnType<typeof turnsOf>) =>
      turns.map((turn) => turn.map(({ name }) => name).join(" "));
    const alone = names(turnsOf(plan.nodes, { percent: 100 }));
    assert.deepEqual(alone, ["master-01", "master-02", "master-03", "worker-01", "worker-02"]);
    const [node] = plan.nodes.slice(-1);
    assert.ok(node);
    const zone = (name: string, zone?: string): NodePlan => ({
      ...node,
      name,
      roles: ["worker" as const],
      labels: { ...(zone !== undefined && { "topology.kubernetes.io/zone": zone }) },
    });
    const workers = [zone("a", "2"), zone("b", "1"), zone("c", "2"), zone("d"), zone("e", "2")];
    assert.deepEqual(names(turnsOf(workers, { nodes: 2 })), ["d", "b", "a c", "e"]);
    // Ceph's daemons become newer in its own order.
    const carrying = (name: string, ...roles: NodePlan["roles"]) => ({ ...zone(name), roles });
    const mixed = [
      carrying("a", "master", "ceph-osd"),
      carrying("b", "master"),
      carrying("c", "ceph-osd"),
      carrying("d", "ceph-mon", "ceph-osd"),
      carrying("e", "ceph-mon"),
    ];
    assert.deepEqual(names(turnsOf(mixed, { nodes: 2 })), ["b", "d", "e", "a", "c"]);
  });

  it("is in the outputs, by which the next one knows what was", async () => {
    const { outputs } = await recordNodes(nodes, { before: former, entries: all(3) });
    const known = reveal(outputs.nodes) as Record<string, { maintenance?: number }>;
    assert.equal(known["worker-01"]?.maintenance, 3);
  });
});
