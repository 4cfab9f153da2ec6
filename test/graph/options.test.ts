import assert from "node:assert/strict";
import type { ClusterPlan } from "../../config/plan";
import { type Graph, recordProgram } from "./record";
import { recordSample, sampleFile, samples } from "./samples";
import {
  births,
  commands,
  isLost,
  kubernetesNodes,
  living,
  machineOf,
  named,
  ownerOf,
  planOfSample,
} from "./select";

/** Of Kubernetes, beside the births and the cluster's id: what no run can make again. */
const rootsOfKubernetes = [
  "pki-ca-key",
  "pki-ca-cert",
  "pki-etcd-ca-key",
  "pki-etcd-ca-cert",
  "pki-front-proxy-ca-key",
  "pki-front-proxy-ca-cert",
  "pki-kubelet-serving-ca-key",
  "pki-kubelet-serving-ca-cert",
  "pki-sa",
  "pki-encryption",
];
const rootsOfCeph = ["fsid", "key-mon", "key-client-admin", "key-client-bootstrap-osd"]
  .concat(["key-client-crash", "key-client-kubernetes", "ca-key", "ca-cert"])
  .map((name) => `ceph-identity-${name}`);

/** Parts of an authority come after its number. */
const nameOf = (name: string, number: number) => name.replace(/(?=-(key|cert)$|$)/, `-${number}`);

/** Of which a cluster has as many as the file counts. */
const furtherKeys = ({ kubernetes: { rotations }, ceph }: ClusterPlan) => [
  ...[
    ["pki-encryption", rotations.encryptionKey] as const,
    ["pki-sa", rotations.serviceAccountKey] as const,
    ["ceph-identity-key-client-kubernetes", ceph?.rotations.kubernetesKey ?? 1] as const,
    ["ceph-identity-ca-key", ceph?.rotations.authority ?? 1] as const,
    ["ceph-identity-ca-cert", ceph?.rotations.authority ?? 1] as const,
    ...rootsOfKubernetes
      .filter((name) => /-ca-/.test(name))
      .map((name) => [name, rotations.authorities] as const),
  ].flatMap(([name, count]) => Array.from({ length: count - 1 }, (_, i) => nameOf(name, i + 2))),
  ...["client-admin", "client-bootstrap-osd", "client-crash"].flatMap((user) =>
    Array.from(
      { length: (ceph?.rotations.adminKey ?? 1) - 1 },
      (_, i) => `ceph-identity-key-${i + 2}-${user}`,
    ),
  ),
];

/** Steps that undo something when they go, and the birth with which there is nothing left to undo. */
const undone: readonly (readonly [RegExp, string])[] = [
  [/^etcd-restore-.+-halt$/, "etcd-genesis"],
  [/-(claim|firewall|join-service)$/, ""],
  [/-expect-/, ""],
  [/(?<!^ceph-.*)-(etcd|vip|admit|declare)$/, "etcd-genesis"],
  [/^ceph-.*-(mon|member)$/, "ceph-genesis"],
  [/^ceph-.*-(host|packages|osd-.*(?<!-(member|next|tell)))$/, ""],
];

for (const cluster of samples) {
  describe(`the options of cluster '${cluster}'`, () => {
    let graph: Graph;
    let plan: ClusterPlan;
    before(async () => {
      graph = await recordSample(cluster);
      plan = planOfSample(cluster);
    });

    it("protect what the cluster cannot be without, and nothing else", () => {
      const roots = [
        "cluster-id",
        ...rootsOfKubernetes,
        ...furtherKeys(plan),
        ...(plan.ceph ? [...rootsOfCeph, "ceph-genesis"] : []),
        ...(kubernetesNodes(plan).length > 0 ? ["etcd-genesis"] : []),
      ];
      for (const name of roots) assert.ok(named(graph, name).protect, `${name} is not protected`);
      for (const { urn, name, protect } of graph.resources)
        assert.ok(!protect || roots.includes(name), `${urn} is protected, and could never go`);
    });

    it("ignore changes of a birth, of a restore, of the day's masters and of lost machines, and of nothing else", () => {
      for (const resource of graph.resources) {
        const { urn, name, ignoreChanges } = resource;
        const lost = resource.type === "command:remote:Command" && isLost(plan, resource);
        const expected = lost
          ? ["connection", "create", "delete", "stdin"]
          : births(graph).includes(resource) || /^etcd-restore-\d+/.test(name)
            ? ["connection", "create", "stdin"]
            : name.endsWith("-identity") && resource.custom
              ? ["keepers.maintenance", "keepers.peers"]
              : [];
        assert.deepEqual([...ignoreChanges].sort(), expected, urn);
      }
    });

    it("keep in the state what stood on lost machines, and undo all else that goes", () => {
      for (const resource of graph.resources) {
        const lost = resource.type === "command:remote:Command" && isLost(plan, resource);
        assert.equal(
          resource.retainOnDelete,
          lost,
          `${resource.urn} ${lost ? "would be undone on a machine that is gone" : "is dropped without being undone"}`,
        );
      }
    });

    it("undo what lies on a machine always, and a membership only while there is a cluster", () => {
      for (const { urn, name, inputs, deletedWith } of living(graph, plan)) {
        const found = undone.find(([pattern]) => pattern.test(name));
        assert.equal("delete" in inputs, found !== undefined, `${urn} and its delete`);
        if (found === undefined) continue;
        const [, genesis] = found;
        assert.equal(
          deletedWith.split("::").at(-1),
          genesis,
          `${urn} is ${genesis ? "undone even" : "not undone"} when the whole cluster goes`,
        );
      }
    });

    it("let what lives in Kubernetes go with it, by the program's own provider", () => {
      for (const { urn, type, provider, deletedWith } of graph.resources) {
        if (!type.startsWith("kubernetes:")) continue;
        assert.match(provider, /::addons-provider::/, `${urn} goes to whatever cluster is at hand`);
        assert.ok(deletedWith.endsWith("::etcd-genesis"), `${urn} would be deleted one by one`);
      }
    });

    it("keep what commands print secret, facts apart", () => {
      for (const step of commands(graph)) {
        const { urn, name, additionalSecretOutputs } = step;
        const tellsFacts = name.endsWith("-preflight") && !isLost(plan, step);
        const secret = tellsFacts ? [] : ["stderr", "stdout"];
        assert.deepEqual([...additionalSecretOutputs].sort(), ["connection", ...secret], urn);
      }
    });

    it("say what to do about a machine that does not answer, where no delete runs without the program", () => {
      for (const step of living(graph, plan)) {
        const { name } = machineOf(plan, step);
        // A node that went back takes pods again.
        const more = step.name === `${name}-kubelet` ? [`${name}-refilled`] : [];
        const hooks = "delete" in step.inputs ? [] : [`${name}-remedy`, ...more];
        assert.deepEqual(step.hooks, hooks, step.urn);
      }
    });

    it("run every step on its own machine, and memberships where somebody lives", () => {
      const [first] = kubernetesNodes(plan, "master");
      const monitors = (plan.ceph?.monitors ?? []).map(({ name }) => name);
      for (const step of living(graph, plan)) {
        const node = ownerOf(plan, step);
        if (node === undefined) continue;
        const { name, urn } = step;
        const host = machineOf(plan, step).name;
        if (/^ceph-.*-(member|tell|forget)$/.test(name)) {
          assert.ok(monitors.includes(host), `${urn} asks ${host}, which is no monitor`);
          const alone = monitors.every((name) => name === node.name);
          assert.ok(alone || host !== node.name, `${urn} asks the machine it is about`);
        } else {
          const elsewhere =
            name.endsWith("-forget") ||
            (name.endsWith("-admit") && kubernetesNodes(plan, "worker").includes(node.name));
          assert.equal(host, elsewhere ? first : node.name, `${urn} runs on ${host}`);
        }
      }
    });
  });
}

describe("the options without protection", () => {
  it("protect nothing, so that all of it can go", async () => {
    const { resources } = await recordProgram(sampleFile("ceph"), { protect: false });
    for (const { urn, protect } of resources) assert.ok(!protect, `${urn} is protected`);
  });
});
