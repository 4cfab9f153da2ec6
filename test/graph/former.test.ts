import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import assert from "node:assert/strict";
import { Cluster, type ClusterArgs } from "../../components/cluster";
import { upgradeInWords } from "../../components/upgrade";
import type { FormerCluster } from "../../policies/facts";
import { failure } from "./failure";
import { recordNodes, type RecordNodesOptions } from "./nodes";
import { closure, type Graph, record, type RecordOptions, reveal } from "./record";
import { planOf, sampleFile, withValue } from "../unit/clusterSample";

const plan = planOf(
  ["master-01", "master-02"].reduce(
    (file, name, i) =>
      withValue(withValue(file, ["nodes", i, "name"], name), ["nodes", i, "roles"], ["master"]),
    sampleFile(),
  ),
);
const roles = (role: "master" | "worker") => ({ roles: [role] });
const nodes = {
  "master-01": roles("master"),
  "master-02": roles("master"),
  "worker-02": roles("worker"),
};
const { version: kubernetesVersion } = plan.kubernetes;

/** A program of somebody else's with this cluster, and what it exports. */
const program = (
  former: ClusterArgs["former"],
  options: RecordOptions = {},
  exported: Record<string, unknown> = {},
) =>
  record(() => {
    new Cluster("one", { plan, former });
    return exported;
  }, options);

const master2WaitsForMaster1 = (graph: Graph) => {
  const urnOf = (name: string) => graph.resources.find((r) => r.name === name)?.urn ?? name;
  return closure(graph, urnOf("one-master-02-kubelet")).has(urnOf("one-master-01-kubelet"));
};
const claims = ({ resources }: Graph) => resources.filter(({ name }) => name.endsWith("-claim"));

describe("what the last 'up' left of a cluster", () => {
  it("is an argument of whatever kind, and no step's dependency", async () => {
    const value: FormerCluster = { kubernetesVersion, nodes };
    const given: readonly (() => ClusterArgs["former"])[] = [
      () => value,
      () => Promise.resolve(value),
      () => pulumi.secret(value),
      () => new random.RandomUuid("source").result.apply(() => value),
    ];
    for (const former of given) {
      const graph = await record(() => {
        new Cluster("one", { plan, former: former() });
        return undefined;
      });
      assert.ok(master2WaitsForMaster1(graph));
      for (const { urn, dependsOn } of graph.resources)
        assert.ok(!dependsOn.some((other) => /::(source|one-last)$/.test(other)), urn);
      assert.deepEqual(Object.values(graph.facts)[0], {
        ...(Object.values(graph.facts)[0] as object),
        before: value,
      });
    }
  });

  it("is by default what the stack itself exports of it", async () => {
    const first = await program(undefined, {}, { kubernetesVersion, nodes });
    assert.ok(!master2WaitsForMaster1(first), "there is an order where nothing was");
    assert.equal(claims(first).length, plan.nodes.length);
    const second = await program(undefined, { before: first }, { kubernetesVersion, nodes });
    assert.ok(master2WaitsForMaster1(second));
    const hidden = await program(undefined, {}, { kubernetesVersion, nodes: pulumi.secret(nodes) });
    const third = await program(undefined, { before: hidden });
    assert.ok(master2WaitsForMaster1(third), "an output that is secret is not read");
  });

  for (const [exported, preview] of [
    [{}, true],
    [{ kubeconfig: "..." }, false],
    [{ nodes: 5 }, true],
    [{ nodes: ["master-01"] }, false],
  ] as const)
    it(`has to be known at ${preview ? "a preview" : "an up"} where the stack exports ${JSON.stringify(exported)}`, async () => {
      const first = await program(undefined, {}, exported);
      assert.equal(claims(first).length, plan.nodes.length, "not even the first 'up' is let be");
      let second: Graph | undefined;
      const text = await failure(async () => {
        second = await program(undefined, { before: first, preview }, exported);
      });
      assert.match(text ?? "it passes", /^cluster one has one problem:\n {2}former: nothing tells/);
      assert.match(text ?? "", /Export its kubernetesVersion and nodes .*, or pass former: /);
      assert.deepEqual(second ? claims(second) : [], []);
      const told = await program({ nodes: {} }, { before: first, preview }, exported);
      assert.equal(claims(told).length, plan.nodes.length);
    });

  it("may be missing where an 'up' has not come as far as to take a machine", async () => {
    const first = await program(undefined);
    const resources = first.resources.filter(({ name }) => name !== "one-all-examined");
    for (const preview of [false, true]) {
      const second = await program(undefined, { before: { ...first, resources }, preview });
      assert.equal(claims(second).length, plan.nodes.length);
    }
  });

  it("is refused where another cluster of the program goes by the same outputs", async () => {
    const two = (former: ClusterArgs["former"]) =>
      failure(() =>
        record(() => {
          new Cluster("one", { plan });
          new Cluster("two", { plan, former });
          return undefined;
        }),
      );
    assert.match(
      (await two(undefined)) ?? "",
      /^cluster two has one problem:\n {2}former: is needed/,
    );
    assert.equal(await two({ nodes: {} }), undefined);
  });

  it("is refused by its name where it has another form, or is not known at a preview", async () => {
    const nonsense = { nodes: { "master-01": { roles: ["boss"] } } } as unknown as FormerCluster;
    assert.match(
      (await failure(() => program(nonsense))) ?? "",
      /^cluster one has one problem:\n {2}former: is not what a cluster was:\n.*master-01.*roles/s,
    );
    const text = await failure(() =>
      record(
        () => {
          const { result } = new random.RandomUuid("source");
          new Cluster("one", { plan, former: result.apply(() => ({ nodes })) });
          return undefined;
        },
        { preview: true },
      ),
    );
    assert.match(text ?? "", /former: is not known at a preview/);
  });

  /** The program of this folder, where some steps fail and the operator has it go on. */
  const attempt = async (
    names: readonly string[],
    options: RecordOptions,
    rotations?: RecordNodesOptions["rotations"],
  ) => {
    const graph = await recordNodes(names, { ...options, ...(rotations && { rotations }) });
    const waits = (step: string, other: string) => {
      const urnOf = (name: string) => graph.resources.find((r) => r.name === name)?.urn ?? name;
      return closure(graph, urnOf(step)).has(urnOf(other));
    };
    return { graph, waits, nodes: reveal(graph.outputs.nodes) as FormerCluster["nodes"] };
  };

  it("is refused where a stack of this program's has it in a form that is not known", async () => {
    const names = ["master-01", "master-02"];
    const first = await attempt(names, {});
    const was = { "master-01": { roles: ["queen"] } };
    const later = { ...first.graph, outputs: { ...first.graph.outputs, nodes: was } };
    const text = await failure(() => attempt(names, { before: later }));
    assert.match(text ?? "it passes", /outputs .* are not what this release knows .*\n.*roles/s);
    await attempt(names, { before: { ...first.graph, outputs: {} } });
  });

  it("has nobody wait for a machine that was never a node, and everybody for one that is", async () => {
    const names = ["master-01", "master-02", "worker-01"];
    const fails = ["worker-01-prepare"];
    const first = await attempt(names, { fails });
    const joined = ({ nodes }: typeof first) => names.map((name) => nodes[name]?.joined);
    assert.deepEqual(joined(first), [undefined, undefined, false]);
    const second = await attempt(names, { before: first.graph, fails });
    assert.ok(!second.waits("master-01-etcd", "worker-01-prepare"));
    assert.deepEqual(joined(second), [undefined, undefined, false]);
    const third = await attempt(names, { before: second.graph });
    assert.deepEqual(joined(third), [undefined, undefined, undefined]);
    assert.ok(!third.waits("master-01-etcd", "worker-01-prepare"));
    const fourth = await attempt(names, { before: third.graph });
    assert.ok(fourth.waits("master-01-etcd", "worker-01-prepare"));
    const failed = await attempt(names, { before: third.graph, fails });
    assert.deepEqual(joined(failed), [undefined, undefined, undefined], "a node is one no more");
  });

  it("keeps the numbers and versions that were reached, and not those that were wanted", async () => {
    const names = ["master-01", "master-02"];
    const first = await attempt(names, {});
    const wanted = { encryption_key: 2, service_account_key: 2 };
    const fails = ["master-02-control-plane"];
    const second = await attempt(names, { before: first.graph, fails }, wanted);
    const keys = ({ nodes }: typeof first) =>
      names.map((name) => [nodes[name]?.encryptionKey, nodes[name]?.serviceAccountKey]);
    assert.deepEqual(keys(second), [
      [2, 2],
      [undefined, undefined],
    ]);
    const versions = ({ graph: { outputs } }: typeof first) => [
      outputs.kubernetesVersion,
      outputs.etcdVersion,
    ];
    const was = { kubernetesVersion: "1.36.1", etcdVersion: "3.6.15" };
    const older = { ...first.graph, outputs: { ...first.graph.outputs, ...was } };
    const upgraded = await attempt(names, { before: older, fails });
    assert.deepEqual(versions(upgraded), ["1.36.1", "3.6.16"]);
    assert.deepEqual(versions(await attempt(names, { before: older })), ["1.36.3", "3.6.16"]);
    const third = await attempt(names, { before: second.graph }, wanted);
    assert.deepEqual(keys(third), [
      [2, 2],
      [2, 2],
    ]);
  });

  for (const [was, why] of [
    [
      "1.34.4",
      /is 2 minor versions newer than what the cluster runs, 1\.34\.4, and Kubernetes skips none; set a version of 1\.35 first; nothing was changed/,
    ],
    [
      "1.37.0",
      /is older than what the cluster runs, 1\.37\.0: a minor version cannot be taken back, .*; set a version of 1\.37 or later; nothing/,
    ],
  ] as const)
    it(`keeps a version of Kubernetes away to which ${was} knows no way, before anything runs`, async () => {
      let graph: Graph | undefined;
      const text = await failure(async () => {
        graph = await program({ kubernetesVersion: was, nodes });
      });
      assert.match(text ?? "", /^cluster one has one problem:\n {2}cluster.kubernetes.version: /);
      assert.match(text ?? "", why);
      const steps = graph?.resources.filter(({ type }) => type.startsWith("command:"));
      assert.deepEqual(steps ?? [], []);
    });

  it("keeps a version of etcd away to which there is no way, and lets others in", async () => {
    for (const [etcdVersion, why] of [
      [
        "3.8.1",
        /versions\.etcd: 3\.6\.16 is older than .*, 3\.8\.1: a minor version of etcd cannot be/,
      ],
      [
        "3.4.9",
        /versions\.etcd: 3\.6\.16 is 2 minor versions newer .*; set a version of 3\.5 first/,
      ],
    ] as const) {
      const text = await failure(() => program({ kubernetesVersion, etcdVersion, nodes }));
      assert.match(text ?? "", why);
    }
    for (const etcdVersion of ["3.5.30", "3.6.1", "3.6.99"])
      await program({ kubernetesVersion, etcdVersion, nodes });
  });

  it("says who gets another containerd or runc, and who the distribution's", () => {
    const versions = { ...plan.versions, containerd: "2.3.7", runc: "1.5.3" };
    const were = (more: object) =>
      Object.fromEntries(Object.entries(nodes).map(([name, was]) => [name, { ...was, ...more }]));
    const names = Object.keys(nodes)
      .map((name) => `\n  ${name}`)
      .join("");
    const on = `, pods run on, one line after the other:${names}`;
    assert.equal(
      upgradeInWords({ nodes }, { ...plan, versions }),
      `containerd the distribution's -> 2.3.7${on}\nrunc the distribution's -> 1.5.3${on}`,
    );
    assert.equal(
      upgradeInWords(
        { nodes: were({ containerd: "2.3.6", runc: "1.5.3" }) },
        { ...plan, versions },
      ),
      `containerd 2.3.6 -> 2.3.7${on}`,
    );
    assert.equal(
      upgradeInWords({ nodes: were({ runc: "1.5.3" }) }, plan),
      `runc 1.5.3 -> the distribution's${on}`,
    );
    assert.equal(upgradeInWords({ nodes }, plan), undefined);
  });

  it("lets another patch and the next minor version of Kubernetes in", async () => {
    for (const kubernetesVersion of ["1.35.1", "1.36.1", "1.36.9"]) {
      const graph = await program({ kubernetesVersion, nodes });
      assert.equal(claims(graph).length, plan.nodes.length, kubernetesVersion);
    }
  });

  it("asks no new master about an upgrade of the others", async () => {
    const others = Object.fromEntries(
      Object.entries(nodes).filter(([name]) => name !== "master-01"),
    );
    const text = await failure(() => program({ kubernetesVersion: "1.36.1", nodes: others }));
    assert.match(
      text ?? "",
      /the first master by name, master-01, is new, .*; add it with 1\.36\.1/,
    );
    const etcd = { kubernetesVersion, etcdVersion: "3.6.1", nodes: others };
    assert.match(
      (await failure(() => program(etcd))) ?? "it passes",
      /versions\.etcd: .* the first master by name, master-01, is new, .*; add it with 3\.6\.1/,
    );
    await program({ ...etcd, etcdVersion: plan.versions.etcd });
  });
});
