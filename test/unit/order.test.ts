import assert from "node:assert/strict";
import fc from "fast-check";
import { type Order, orderOf, type StepId } from "../../components/order";
import { batchesOf } from "../../components/turns";
import { type Batch, type ClusterPlan, roleOf } from "../../config/plan";
import { hostKey, planOf, sampleCluster } from "./clusterSample";

interface Sample {
  readonly name: string;
  readonly roles: readonly string[];
  readonly lost?: boolean;
  readonly via?: string;
}

function planWith(nodes: readonly Sample[]): ClusterPlan {
  return planOf({
    cluster: sampleCluster(),
    nodes: nodes.map(({ name, roles, lost, via }, i) => ({
      name,
      roles,
      ...(via ? { via } : {}),
      ip: `10.0.${i >> 7}.${(i & 127) + 1}`,
      host_key: hostKey(i % 200),
      ...(lost ? { lost } : {}),
      ...(roles.includes("ceph-osd")
        ? { storage: { devices: [{ path: `/dev/disk/by-id/wwn-0x5000c500a1b2c3${i + 100}` }] } }
        : {}),
    })),
  });
}

const called = (role: string, count: number, more: readonly string[] = []): Sample[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `${role}-${String(i + 1).padStart(3, "0")}`,
    roles: [role, ...more],
  }));

/** A cluster, some of whose machines are lost, and the nodes that the last `up` left. */
const clusters = fc
  .record({
    masters: fc.integer({ min: 0, max: 4 }),
    workers: fc.integer({ min: 0, max: 25 }),
    monitors: fc.integer({ min: 0, max: 3 }),
    lost: fc.infiniteStream(fc.constantFrom(false, false, false, true)),
    were: fc.infiniteStream(fc.boolean()),
    call: fc.infiniteStream(fc.constantFrom(false, false, true)),
  })
  .filter(({ masters, monitors }) => masters + monitors > 0)
  .map(({ masters, workers, monitors, lost, were, call }) => {
    const nodes = [
      ...called("master", masters),
      // Without masters there is nobody to join.
      ...(masters === 0 ? [] : called("worker", workers, monitors > 0 ? ["ceph-osd"] : [])),
      ...called("ceph-mon", monitors),
    ].map((node) => ({
      ...node,
      lost: lost.next().value === true && !node.name.endsWith("-001"),
      // Where there is somebody to call.
      ...(masters > 0 && !node.roles.includes("master") && call.next().value === true
        ? { via: "call" }
        : {}),
    }));
    const plan = planWith(nodes);
    const former = plan.nodes.map(({ name }) => name).filter(() => were.next().value === true);
    // Of a counterexample who is there says all: the whole plan would hide what failed.
    const inWords = nodes.map(
      ({ name, lost, via }) =>
        `${name}${lost ? " (lost)" : ""}${via ? " (calls)" : ""}${former.includes(name) ? " (former)" : ""}`,
    );
    return { plan, former, [fc.toStringMethod]: () => inWords.join(", ") };
  });

/** Everything a step waits for, at any distance. */
function closure(order: Order, id: StepId, found = new Set<StepId>()): Set<StepId> {
  for (const other of order.get(id) ?? [])
    if (!found.has(other)) closure(order, other, found.add(other));
  return found;
}

const ids = (order: Order, ending: string) => [...order.keys()].filter((id) => id.endsWith(ending));
const living = ({ nodes }: ClusterPlan) => nodes.filter(({ lost }) => !lost);
/** The living nodes of this role, by name. */
const having = (plan: ClusterPlan, ...roles: string[]) =>
  living(plan)
    .filter((node) => roles.includes(roleOf(node)))
    .map(({ name }) => name);

const always = (check: (order: Order, plan: ClusterPlan, former: readonly string[]) => void) =>
  fc.assert(
    fc.property(clusters, ({ plan, former }) => check(orderOf(plan, former), plan, former)),
    { numRuns: 60 },
  );

describe("the order of steps", () => {
  it("names only steps that there are, and each of them once", () =>
    always((order) => {
      for (const [id, waitsFor] of order) {
        assert.equal(new Set(waitsFor).size, waitsFor.length, id);
        for (const other of waitsFor) assert.ok(order.has(other), `${id} waits for ${other}`);
      }
    }));

  it("lets no step wait for itself, at any distance", () =>
    always((order) => {
      for (const id of order.keys()) assert.ok(!closure(order, id).has(id), id);
    }));

  it("lets nothing wait for a lost machine's step but that machine", () =>
    always((order, { nodes }) => {
      const lost = nodes.filter((node) => node.lost).map(({ name }) => name);
      const ownerOf = (id: StepId) => lost.find((name) => id.startsWith(`${name}/`));
      for (const [id, waitsFor] of order)
        for (const other of waitsFor)
          assert.ok(
            ownerOf(other) === undefined ||
              ownerOf(other) === ownerOf(id) ||
              /\/(ceph-)?forget$/.test(other),
            `${id} waits for ${other}`,
          );
    }));

  it("takes no machine before all were examined, and is not born before all are taken, but for those that call", () =>
    always((order, plan) => {
      const all = (step: string) =>
        living(plan).flatMap(({ name, calls }) => (calls ? [] : [`${name}/${step}`]));
      for (const id of ids(order, "/claim"))
        for (const other of [...all("preflight"), id.replace("/claim", "/preflight")])
          assert.ok(closure(order, id).has(other), `${id} does not wait for ${other}`);
      if (plan.masters.length > 0)
        for (const other of all("claim"))
          assert.ok(closure(order, "genesis").has(other), `genesis does not wait for ${other}`);
    }));

  it("does nothing on a machine that calls before every master that lives expects it", () =>
    always((order, plan) => {
      const masters = having(plan, "master");
      for (const { name } of living(plan).filter(({ calls }) => calls))
        for (const id of ids(order, "").filter((id) => id.startsWith(`${name}/`)))
          for (const master of masters)
            assert.ok(
              closure(order, id).has(`${master}/expect/${name}`),
              `${id} does not wait for ${master}`,
            );
    }));

  it("makes the memberships of etcd after its birth one chain, and so those of monitors", () =>
    always((order, plan, former) => {
      const chain = (names: readonly string[], step: string, birth: StepId, grows: boolean) =>
        names.forEach((name, i) => {
          const before = closure(order, `${name}/${step}`);
          assert.ok(before.has(birth), `${name}/${step} does not wait for ${birth}`);
          for (const earlier of names.slice(0, i))
            assert.equal(
              before.has(`${earlier}/${step}`),
              grows,
              `whether ${name}/${step} waits for ${earlier}`,
            );
        });
      const masters = having(plan, "master");
      const grows =
        masters.some((name) => former.includes(name)) || plan.etcd.restore !== undefined;
      chain(masters, "etcd", "genesis", grows);
      const monitors = plan.ceph?.monitors.map(({ name }) => name) ?? [];
      const more = monitors.some((name) => former.includes(name));
      chain(monitors, "ceph-mon", "ceph-genesis", more);
    }));

  it("has etcd forget who is lost before it takes somebody new", () =>
    always((order, plan) => {
      const forgets = ids(order, "/forget");
      for (const name of having(plan, "master"))
        for (const forget of forgets)
          assert.ok(closure(order, `${name}/etcd`).has(forget), `${name}/etcd and ${forget}`);
    }));

  it("lets every join wait for the first API server and the rights, and no new node for more", () =>
    always((order, plan, former) => {
      const [first] = having(plan, "master");
      if (first === undefined) return;
      for (const name of having(plan, "master").slice(1))
        assert.ok(closure(order, `${name}/control-plane`).has(`${first}/control-plane`), name);
      for (const name of having(plan, "master", "worker"))
        for (const step of ["kubelet", "admit"]) {
          const before = closure(order, `${name}/${step}`);
          assert.ok(before.has(`${first}/control-plane`) && before.has("rights"), name);
          if (former.includes(name)) continue;
          const others = [...before].filter((id) => id.endsWith("/kubelet"));
          assert.deepEqual(others, step === "admit" ? [`${name}/kubelet`] : [], `${name}/${step}`);
        }
    }));

  it("has each node of before in one batch, which waits for the whole batch before it", () =>
    always((order, plan, former) => {
      const were = having(plan, "master", "worker").filter((name) => former.includes(name));
      const batches = [...order].filter(([id]) => id.startsWith("all of batch "));
      const members = batches.flatMap(([, batch]) => batch);
      const masters = having(plan, "master");
      if (masters.length === 0) return;
      assert.deepEqual([...members].sort(), were.map((name) => `${name}/admit`).sort());
      batches.forEach(([, batch], i) => {
        const earlier = batches.slice(0, i).flatMap(([, members]) => members);
        for (const admit of batch) {
          const kubelet = admit.replace(/admit$/, "kubelet");
          const before = closure(order, kubelet);
          for (const other of members)
            assert.equal(before.has(other), earlier.includes(other), `${kubelet} and ${other}`);
          for (const name of masters.filter((name) => former.includes(name)))
            assert.ok(before.has(`${name}/control-plane`), `${kubelet} and ${name}`);
        }
        assert.ok(batch.length === 1 || !batch.some((id) => id.startsWith("master-")));
      });
    }));

  it("restarts nothing of a master before every node of before has its programs", () =>
    always((order, plan, former) => {
      const were = having(plan, "master", "worker").filter((name) => former.includes(name));
      for (const master of having(plan, "master").filter((name) => former.includes(name)))
        for (const name of were)
          assert.ok(closure(order, `${master}/control-plane`).has(`${name}/prepare`), name);
    }));

  it("brings nothing to a node of before until it is known that the cluster may be upgraded", () =>
    always((order, plan, former) => {
      for (const name of having(plan, "master", "worker"))
        if (plan.masters.length > 0)
          assert.equal(
            closure(order, `${name}/prepare`).has("upgrade"),
            former.includes(name),
            name,
          );
    }));

  it("holds up nobody for a new node", () =>
    always((order, plan, former) => {
      const worker = having(plan, "worker").find((name) => !former.includes(name));
      if (worker === undefined) return;
      for (const name of having(plan, "master", "worker"))
        if (name !== worker)
          assert.ok(!closure(order, `${name}/kubelet`).has(`${worker}/kubelet`), name);
    }));

  it("restarts OSDs of before one by one, after the monitors of before, and has no new one wait for them", () =>
    always((order, plan, former) => {
      const osds = (plan.ceph?.osds ?? []).map(({ id, node }) => ({
        step: `${node.name}/ceph-osd/${id}`,
        isFormer: former.includes(node.name),
      }));
      const monitors = (plan.ceph?.monitors ?? []).filter(({ name }) => former.includes(name));
      osds.forEach(({ step, isFormer }, i) => {
        const before = closure(order, step);
        const earlier = [...before].filter((id) => id.includes("/ceph-osd/"));
        const wanted = osds.slice(0, i).filter((other) => isFormer && other.isFormer);
        assert.deepEqual(earlier.sort(), wanted.map((other) => other.step).sort(), step);
        for (const { name } of isFormer ? monitors : [])
          assert.ok(before.has(`${name}/ceph-mon`), `${step} does not wait for ${name}`);
      });
    }));

  it("lets Kubernetes go before Ceph, whose pods need nodes", () =>
    always((order, plan) => {
      if (!plan.ceph || plan.masters.length === 0) return;
      for (const id of ["ceph-identity", "ceph-driver"])
        for (const name of having(plan, "master", "worker"))
          assert.ok(closure(order, id).has(`${name}/kubelet`), `${id} does not wait for ${name}`);
    }));

  it("grows by as many edges with each node", () => {
    const edges = (workers: number) => {
      const plan = planWith([
        ...called("master", 3),
        ...called("worker", workers, ["ceph-osd"]),
        ...called("ceph-mon", 3),
      ]);
      const order = orderOf(
        plan,
        plan.nodes.map(({ name }) => name),
      );
      return [...order.values()].reduce((sum, waitsFor) => sum + waitsFor.length, 0);
    };
    const [first, second, third] = [10, 20, 30].map(edges);
    assert.ok(first && second && third);
    assert.equal(third - second, second - first);
  });
});

describe("the batches in which workers change", () => {
  const { nodes } = planWith([...called("master", 1), ...called("worker", 7)]);
  const sizes = (batch: Batch) => batchesOf(nodes, batch).map(({ length }) => length);
  for (const [batch, wanted] of [
    [{ percent: 10 }, [1, 1, 1, 1, 1, 1, 1, 1]],
    [{ percent: 30 }, [1, 3, 3, 1]],
    [{ percent: 100 }, [1, 7]],
    [{ nodes: 2 }, [1, 2, 2, 2, 1]],
    [{ nodes: 50 }, [1, 7]],
  ] as const)
    it(`are ${wanted.slice(1).join(", ")} of seven for ${JSON.stringify(batch)}`, () =>
      assert.deepEqual(sizes(batch), wanted));
});

describe("the order of a cluster that lives", () => {
  const were = [...called("master", 3), ...called("worker", 21)];
  const nodes = [
    ...were.map((node) => ({ ...node, lost: node.name === "master-002" })),
    { name: "worker-900", roles: ["worker"] },
  ];
  const order = orderOf(
    planWith(nodes),
    were.map(({ name }) => name),
  );

  for (const [id, waitsFor] of [
    ["examined", 24],
    ["master-001/etcd", ["master-001/credentials", "genesis", "all forgotten", "all supplied"]],
    ["master-003/etcd", ["master-003/credentials", "genesis", "master-001/etcd", "all forgotten"]],
    ["all forgotten", ["master-002/forget"]],
    ["upgrade", ["master-001/claim"]],
    ["master-001/prepare", ["master-001/claim", "upgrade"]],
    ["worker-004/prepare", ["worker-004/claim", "upgrade"]],
    ["worker-900/prepare", ["worker-900/claim"]],
    ["master-002/prepare", ["master-002/claim"]],
    ["master-001/control-plane", ["master-001/etcd", "all former members"]],
    ["all former members", ["master-001/etcd", "master-003/etcd"]],
    ["all supplied", 23],
    ["master-003/control-plane", ["master-003/etcd", "master-001/control-plane"]],
    ["all former control planes", ["master-001/control-plane", "master-003/control-plane"]],
    [
      "master-001/kubelet",
      ["master-001/credentials", "rights", "master-001/control-plane", "all former control planes"],
    ],
    ["all of batch 2", ["worker-001/admit", "worker-002/admit", "worker-003/admit"]],
    ["worker-003/kubelet", ["worker-003/credentials", "rights", "all of batch 1"]],
    ["worker-004/kubelet", ["worker-004/credentials", "rights", "all of batch 2"]],
    // A kubelet may not be newer than an API server that it asks.
    ["worker-900/kubelet", ["worker-900/credentials", "rights", "all former control planes"]],
    ["worker-004/admit", ["worker-004/kubelet"]],
    ["master-002/etcd", ["master-002/credentials", "genesis"]],
    ["master-002/kubelet", ["master-002/credentials"]],
    ["master-002/admit", ["master-002/kubelet"]],
    ["dns", ["rights", "master-001/kubelet", "master-003/kubelet"]],
  ] as const)
    it(`${id} waits for ${typeof waitsFor === "number" ? "all that live" : waitsFor.join(", ")}`, () => {
      const found = order.get(id) ?? [];
      if (typeof waitsFor === "number") assert.equal(found.length, waitsFor);
      else assert.deepEqual(found, waitsFor);
    });
});
