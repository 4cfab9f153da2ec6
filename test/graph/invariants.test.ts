import assert from "node:assert/strict";
import { closure, type Graph, type Registration, reveal } from "./record";
import { recordSample, samples } from "./samples";

const commands = ({ resources }: Graph) =>
  resources.filter((r) => r.type === "command:remote:Command");
const named = (graph: Graph, name: string): Registration => {
  const found = graph.resources.find((r) => r.custom && r.name === name);
  assert.ok(found, `no resource is named ${name}`);
  return found;
};
/** The commands that run once in a cluster's life. */
const births = (graph: Graph) => commands(graph).filter(({ name }) => name.endsWith("-genesis"));
/** The commands of machines that are there: those of a lost one stay as they were, and nobody waits for them. */
const living = (graph: Graph) => commands(graph).filter(({ retainOnDelete }) => !retainOnDelete);
const namesOf = (graph: Graph, suffix: string) =>
  living(graph).flatMap(({ name }) =>
    name.endsWith(suffix) ? [name.slice(0, -suffix.length)] : [],
  );

for (const cluster of samples) {
  describe(`the graph of cluster '${cluster}'`, () => {
    let graph: Graph;
    let preview: Graph;
    before(async function () {
      this.timeout(60_000);
      graph = await recordSample(cluster);
      preview = await recordSample(cluster, true);
    });

    it("has unique URNs", () => {
      const urns = graph.resources.map(({ urn }) => urn);
      const twice = urns.filter((urn, i) => urns.indexOf(urn) !== i);
      assert.deepEqual(twice, []);
    });

    it("names every child after its parent", () => {
      for (const { urn, name, parent } of graph.resources) {
        const parentName = parent.split("::").at(-1) ?? "";
        if (parent === "" || parent.includes("pulumi:pulumi:Stack::")) continue;
        assert.ok(
          name === parentName || name.startsWith(`${parentName}-`),
          `${urn} is not named after its parent ${parentName}`,
        );
      }
    });

    it("names nothing by an index", () => {
      for (const { urn, name } of graph.resources) {
        assert.doesNotMatch(name, /(^|-)\d$|\[\d+\]/, `${urn} looks named by an index`);
      }
    });

    it("lets nothing join before the first master's API server answers", () => {
      const [first, ...others] = namesOf(graph, "-control-plane").sort();
      const joins = [
        ...others.map((name) => `${name}-etcd`),
        ...namesOf(graph, "-kubelet").map((name) => `${name}-kubelet`),
        ...namesOf(graph, "-admit").map((name) => `${name}-admit`),
      ];
      for (const join of joins) {
        const { urn } = named(graph, join);
        const api = named(graph, `${first}-control-plane`).urn;
        assert.ok(closure(graph, urn).has(api), `${urn} does not wait for ${api}`);
      }
    });

    it("makes the members of etcd one chain that begins at genesis", () => {
      const names = namesOf(graph, "-etcd").sort();
      names.forEach((name, i) => {
        const { urn } = named(graph, `${name}-etcd`);
        const genesis = named(graph, "etcd-genesis").urn;
        const waitsFor = closure(graph, urn);
        assert.ok(waitsFor.has(genesis), `${urn} does not wait for ${genesis}`);
        for (const earlier of names.slice(0, i)) {
          const before = named(graph, `${earlier}-etcd`).urn;
          assert.ok(waitsFor.has(before), `${urn} does not wait for ${before}`);
        }
      });
    });

    it("rolls control planes one after the other", () => {
      const names = namesOf(graph, "-control-plane").sort();
      names.slice(1).forEach((name, i) => {
        const { urn } = named(graph, `${name}-control-plane`);
        const before = named(graph, `${names[i]}-control-plane`).urn;
        assert.ok(closure(graph, urn).has(before), `${urn} does not wait for ${before}`);
      });
    });

    it("is not born before every machine it is made of is taken", () => {
      for (const { urn, name: birth } of births(graph)) {
        const waitsFor = closure(graph, urn);
        for (const name of namesOf(graph, "-claim")) {
          const isPart =
            birth === "etcd-genesis" || namesOf(graph, "-host").includes(`ceph-${name}`);
          const claim = named(graph, `${name}-claim`).urn;
          assert.ok(!isPart || waitsFor.has(claim), `${urn} does not wait for ${claim}`);
        }
      }
    });

    it("lets workers wait for no other worker, but for the cluster's birth", () => {
      const masters = new Set(namesOf(graph, "-control-plane"));
      const workers = namesOf(graph, "-kubelet").filter((name) => !masters.has(name));
      for (const worker of workers) {
        for (const step of ["kubelet", "admit"]) {
          const { urn } = named(graph, `${worker}-${step}`);
          for (const other of workers.filter((name) => name !== worker)) {
            for (const later of ["prepare", "credentials", "kubelet", "admit"]) {
              assert.ok(
                !closure(graph, urn).has(named(graph, `${other}-${later}`).urn),
                `${urn} waits for ${other}`,
              );
            }
          }
        }
      }
    });

    it("lets every step of a machine that writes wait for its claim", () => {
      const claims = new Map(
        namesOf(graph, "-claim").map((name) => [name, named(graph, `${name}-claim`).urn]),
      );
      for (const { urn, name } of commands(graph)) {
        const owner = [...claims.keys()].find((claimed) =>
          name.replace(/^ceph-/, "").startsWith(`${claimed}-`),
        );
        if (owner === undefined || /-(preflight|claim)$/.test(name)) continue;
        assert.ok(
          closure(graph, urn).has(claims.get(owner) ?? ""),
          `${urn} does not wait for ${owner}'s claim`,
        );
      }
    });

    it("runs at most eight commands for a node", () => {
      for (const name of namesOf(graph, "-claim")) {
        const own = commands(graph).filter((r) => r.name.startsWith(`${name}-`));
        assert.ok(own.length <= 8, `${name} has ${own.length} commands`);
      }
    });

    it("pins the host key of every connection", () => {
      for (const { urn, inputs } of commands(graph)) {
        const { hostKey } = reveal(inputs.connection) as { hostKey?: string };
        assert.match(
          hostKey ?? "",
          /^(ssh-ed25519|ecdsa-sha2-nistp\d+) /,
          `${urn} has no pinned host key`,
        );
      }
    });

    it("keeps commands silent, and free of anything but their name", () => {
      for (const { urn, inputs } of commands(graph)) {
        assert.equal(inputs.logging, "none", `${urn} logs`);
        assert.equal(inputs.addPreviousOutputInEnv, false, `${urn} sends its output back`);
        for (const forbidden of ["environment", "triggers", "update"]) {
          assert.ok(!(forbidden in inputs), `${urn} has ${forbidden}`);
        }
        for (const text of ["create", "delete"]) {
          assert.match(
            (inputs[text] ?? "") as string,
            /^$|^(sudo -n )?timeout --kill-after=10 \d+ bash -s -- (create|delete)$/,
            `${urn}: ${text}`,
          );
        }
      }
    });

    it("lets no secret travel or rest in the clear", () => {
      for (const { urn, inputs } of graph.resources) {
        // What is left after taking out every wrapped secret must hold none.
        const open = JSON.stringify(inputs, (_, value: unknown) =>
          value !== null && typeof value === "object" && "4dabf18193072939515e22adb298388d" in value
            ? "[secret]"
            : value,
        );
        assert.doesNotMatch(open, /SECRET-|PRIVATE KEY/, `${urn} has a secret in the clear`);
      }
      const { kubeconfig } = graph.outputs;
      assert.ok(
        kubeconfig === undefined ||
          JSON.stringify(kubeconfig).includes("4dabf18193072939515e22adb298388d"),
        "the kubeconfig is not secret",
      );
    });

    it("keeps what commands print secret, facts apart", () => {
      for (const { urn, name, additionalSecretOutputs } of commands(graph)) {
        if (name.endsWith("-preflight")) continue;
        assert.deepEqual(
          [...additionalSecretOutputs].sort(),
          ["connection", "stderr", "stdout"],
          urn,
        );
      }
    });

    it("protects the authorities and the birth, and ignores what would repeat the birth", () => {
      const guarded = [
        "cluster-id",
        "pki-ca-key",
        "pki-ca-cert",
        "pki-etcd-ca-key",
        "pki-etcd-ca-cert",
        "pki-front-proxy-ca-key",
        "pki-front-proxy-ca-cert",
        "pki-sa",
        "pki-encryption",
      ];
      for (const name of guarded) assert.ok(named(graph, name).protect, `${name} is not protected`);
      assert.ok(births(graph).length > 0);
      for (const { urn, protect, ignoreChanges } of births(graph)) {
        assert.ok(protect, `${urn} is not protected`);
        assert.deepEqual([...ignoreChanges].sort(), ["connection", "create", "stdin"], urn);
      }
    });

    it("undoes what lies on a machine always, and a membership only while there is a cluster", () => {
      const undoneWith: readonly (readonly [RegExp, string])[] = [
        [/-claim$/, ""],
        [/-(etcd|admit)$/, "etcd-genesis"],
        [/^ceph-.*-(mon|member)$/, "ceph-genesis"],
        [/^ceph-.*-(host|osd-.*)$/, ""],
      ];
      for (const { urn, name, inputs, deletedWith } of living(graph)) {
        const found = undoneWith.find(([pattern]) => pattern.test(name));
        assert.equal("delete" in inputs, found !== undefined, `${urn} and its delete`);
        const genesis = found?.[1];
        if (genesis)
          assert.ok(
            deletedWith.endsWith(`::${genesis}`),
            `${urn} is undone even when the whole cluster goes`,
          );
      }
    });

    it("registers the same resources at preview, when nothing is known", () => {
      assert.deepEqual(
        preview.resources.map(({ urn }) => urn),
        graph.resources.map(({ urn }) => urn),
      );
    });
  });
}
