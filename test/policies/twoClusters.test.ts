import assert from "node:assert/strict";
import { Cluster } from "../../components/cluster";
import { type Graph, record } from "../graph/record";
import { planOfSample } from "../graph/select";
import { judgeGraph } from "./judgeGraph";

const plan = planOfSample("ceph");
const master = { roles: ["master" as const] };
const masters = Object.fromEntries(plan.masters.map(({ name }) => [name, master]));
/** The two clusters of one program: what the last `up` left of the one, and of the other. */
const two = (one: object, other: object, protect = true) =>
  record(() => {
    new Cluster("one", { plan, former: { nodes: { ...masters, ...one } } });
    new Cluster("two", { plan, former: { nodes: { ...masters, ...other } }, protect });
    return undefined;
  });

/** The same without what a resource waits for. */
const hurried = ({ resources, ...graph }: Graph, hurried: string): Graph => ({
  ...graph,
  resources: resources.map((r) => (r.name === hurried ? { ...r, dependsOn: [] } : r)),
});

/** What must be mended; the sample has advice on its pools. */
async function violations(graph: Graph): Promise<string[]> {
  const found = await judgeGraph(graph);
  return found
    .filter(({ level }) => level === "mandatory")
    .map(({ policy, message }) => `${policy}: ${message.split(";")[0]}`);
}

describe("the policies of a program with two clusters", () => {
  let graph: Graph;
  before(async () => {
    graph = await two({}, {});
  });

  it("find nothing wrong with two that are right", async () =>
    assert.deepEqual(await violations(graph), []));

  for (const cluster of ["one", "two"])
    it(`find a join of cluster ${cluster} that does not wait`, async () =>
      assert.deepEqual(
        await violations(hurried(graph, `${cluster}-worker-01-kubelet`)),
        // Who is let in has come in before.
        ["kubelet", "admit"].map(
          (step) =>
            `joins-follow-first-master: worker-01: step ${cluster}-worker-01-${step} does not wait for ${cluster}-master-01-control-plane`,
        ),
      ));

  for (const cluster of ["one", "two"])
    it(`find masters that leave cluster ${cluster}`, async () => {
      const gone = { "master-08": master, "master-09": master };
      const found = await violations(await (cluster === "one" ? two(gone, {}) : two({}, gone)));
      assert.deepEqual(found, [
        "few-masters-leave: master-08, master-09: 2 masters would be removed at once, and 1 may",
      ]);
    });

  it("find roots that are not protected, and ask it of nothing that goes with a node", async () => {
    const found = await violations(await two({}, {}, false));
    const roots = found.map((text) => /^protected-roots: (\S+): is not/.exec(text)?.[1] ?? text);
    for (const root of ["cluster-id", "pki-ca-key", "etcd-genesis", "ceph-identity-fsid"])
      assert.ok(roots.includes(`two-${root}`), root);
    assert.deepEqual(
      roots.filter(
        (name) => !/^two-(cluster-id|pki-|etcd-genesis|ceph-(identity-|genesis))/.test(name),
      ),
      [],
    );
    assert.deepEqual(
      roots.filter((name) => /-mgr-/.test(name)),
      [],
    );
  });
});
