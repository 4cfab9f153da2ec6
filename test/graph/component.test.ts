import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import * as tls from "@pulumi/tls";
import assert from "node:assert/strict";
import { Cluster } from "../../components/cluster";
import { closure, type Graph, record, type Registration } from "./record";
import { planOfSample } from "./select";

const plan = planOfSample("lost");
/** Nothing has been before. */
const former = { nodes: {} };

/** What is below the cluster of this name, at any depth. */
function below({ resources }: Graph, cluster: string): Registration[] {
  const byUrn = new Map(resources.map((r) => [r.urn, r]));
  const isBelow = ({ parent }: Registration): boolean => {
    const above = byUrn.get(parent);
    return above !== undefined && (above.name === cluster || isBelow(above));
  };
  return resources.filter(isBelow);
}

describe("two clusters of one program", () => {
  let graph: Graph;
  let both: Registration[][];
  before(async () => {
    graph = await record(() => {
      for (const name of ["one", "two"]) new Cluster(name, { plan, former });
      return undefined;
    });
    both = ["one", "two"].map((name) => below(graph, name));
  });

  it("have the same resources, and share no URN and no name of a hook", () => {
    const [one = [], two = []] = both;
    assert.ok(one.length > 200);
    const rest = ({ type, name }: Registration, cluster: string) =>
      `${type} ${name.replace(new RegExp(`^${cluster}-`), "")}`;
    assert.deepEqual(one.map((r) => rest(r, "one")).sort(), two.map((r) => rest(r, "two")).sort());
    assert.deepEqual(new Set(graph.resources.map(({ urn }) => urn)).size, graph.resources.length);
    const hooks = both.map(
      (all) => new Set(all.flatMap((r) => [...r.hooks, ...r.hooksBefore.create])),
    );
    assert.ok((hooks[0]?.size ?? 0) > 10);
    assert.deepEqual(
      [...(hooks[0] ?? [])].filter((name) => hooks[1]?.has(name)),
      [],
    );
  });

  it("name every resource and hook after themselves, and every child after its parent", () => {
    for (const [i, cluster] of ["one", "two"].entries())
      for (const { urn, name, parent, hooks, hooksBefore, aliases } of both[i] ?? []) {
        for (const named of [name, ...hooks, ...hooksBefore.create])
          assert.ok(named.startsWith(`${cluster}-`), `${urn}: ${named}`);
        const above = parent.split("::").at(-1) ?? "";
        assert.ok(name === above || name.startsWith(`${above}-`), `${urn} is below ${above}`);
        // The Kubernetes package knows its resources under types of older versions, too.
        const others = aliases.filter((alias) => !alias.startsWith("type="));
        assert.deepEqual(others, [], `${urn} would take what is another's`);
      }
  });

  it("do not wait for each other", () => {
    const [one = [], two = []] = both.map((all) => all.map(({ urn }) => urn));
    for (const [all, others] of [
      [one, two],
      [two, one],
    ] as const)
      for (const urn of all) {
        const before = closure(graph, urn);
        assert.ok(!others.some((other) => before.has(other)), urn);
      }
  });
});

describe("the options of a cluster", () => {
  it("have its resources made by the providers it was given, below its parent", async () => {
    const given: Readonly<Record<string, pulumi.ProviderResource>>[] = [];
    const graph = await record(() => {
      const providers = {
        command: new command.Provider("my-command"),
        random: new random.Provider("my-random"),
        tls: new tls.Provider("my-tls"),
      };
      given.push(providers);
      const parent = new pulumi.ComponentResource("other:index:Site", "site");
      new Cluster("one", { plan, former }, { providers, parent });
      return undefined;
    });
    const all = below(graph, "one").filter(({ custom }) => custom);
    for (const of of Object.keys(given[0] ?? {})) {
      const own = all.filter(({ type }) => type.startsWith(`${of}:`));
      assert.ok(own.length > 10, `${own.length} resources of ${of}`);
      for (const { urn, provider } of own)
        assert.match(provider, new RegExp(`::my-${of}::`), `${urn} is made by another provider`);
    }
    for (const { urn, type, provider } of all.filter(({ type }) => type.startsWith("kubernetes:")))
      assert.match(provider, /::one-addons-provider::/, `${urn} (${type})`);
    const cluster = graph.resources.find(({ name }) => name === "one");
    assert.ok(cluster?.parent.endsWith("::site"));
  });

  it("hold for all of its resources: what it waits for, whether it is protected, transformations", async () => {
    const seen: string[] = [];
    const graph = await record(() => {
      const site = new random.RandomUuid("site");
      new Cluster(
        "one",
        { plan, former },
        {
          dependsOn: [site],
          protect: true,
          transformations: [
            ({ name }) => {
              seen.push(name);
              return undefined;
            },
          ],
        },
      );
      return undefined;
    });
    const site = graph.resources.find(({ name }) => name === "site")?.urn ?? "";
    const all = below(graph, "one");
    for (const { urn, name, protect } of all) {
      assert.ok(closure(graph, urn).has(site), `${urn} does not wait`);
      assert.ok(seen.includes(name), `${urn} is not transformed`);
      assert.ok(protect || urn.includes("StackReference"), `${urn} is not protected`);
    }
    assert.ok(all.length > 200);
  });

  it("protect what it cannot be without, unless it is told not to", async () => {
    for (const protect of [undefined, false]) {
      const graph = await record(() => {
        new Cluster("one", { plan, former, protect });
        return undefined;
      });
      const protectedOnes = graph.resources.filter(({ protect }) => protect);
      assert.equal(protectedOnes.length > 10, protect === undefined);
    }
  });
});
