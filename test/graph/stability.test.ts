import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { recordNodes } from "./nodes";
import type { Graph, Registration } from "./record";

/** A cluster before and after a change of its list of nodes. */
interface Change {
  readonly before: Graph;
  readonly after: Graph;
}

const isMaster = (name: string) => name.startsWith("master-");
const endpoint = fc.constantFrom(undefined, "api.example.org:6443");
const namesOf = (role: string, minLength: number) =>
  fc.subarray(
    [1, 2, 3, 4].map((n) => `${role}-0${n}`),
    { minLength, maxLength: 3 },
  );
const clusterOf = (masters: number, workers: number) =>
  fc
    .tuple(namesOf("master", masters), namesOf("worker", workers))
    .map(([masters, workers]) => [...masters, ...workers]);

/** A cluster, and one of its nodes with a role. */
const clusterAndNode = (role: "master" | "worker") =>
  clusterOf(role === "master" ? 2 : 1, role === "worker" ? 1 : 0).chain((names) =>
    fc.tuple(fc.constant(names), fc.constantFrom(...names.filter((name) => name.startsWith(role)))),
  );

async function change(from: readonly string[], to: readonly string[], endpoint?: string) {
  const before = await recordNodes(from, { endpoint });
  return { before, after: await recordNodes(to, { endpoint, before }) };
}

/** How a resource is called in this test: its own type and its name. */
const label = ({ type, name }: Registration) => `${type.split(":").at(-1)} ${name}`;

/** What the engine would act on: inputs, and options that change what it does. */
const essence = (r: Registration) => ({ ...r, dependsOn: [], hooks: [], hooksBefore: [] });

function changed({ before, after }: Change): string[] {
  const old = new Map(before.resources.map((r) => [r.urn, r]));
  return after.resources
    .filter((r) => {
      const was = old.get(r.urn);
      return was && !isDeepStrictEqual(essence(was), essence(r));
    })
    .map(label)
    .sort();
}

function only(these: Graph, others: Graph): Registration[] {
  const there = new Set(others.resources.map(({ urn }) => urn));
  return these.resources.filter(({ urn }) => !there.has(urn));
}

function assertOwned(resources: readonly Registration[], node: string): void {
  assert.ok(resources.length > 10, `${node} has hardly a resource: ${resources.length}`);
  for (const { urn, name } of resources) {
    assert.match(`${name}-`, new RegExp(`^(pki-)?${node}-`), `${urn} is not ${node}'s own`);
  }
}

/** The stack's outputs that differ. */
const changedOutputs = ({ before, after }: Change) =>
  Object.keys(after.outputs)
    .filter((name) => !isDeepStrictEqual(before.outputs[name], after.outputs[name]))
    .sort();

/**
 * What must know that a node came or went. Everybody else's inputs stay as they are, those of the birth (`etcd-genesis`)
 * and of the other machines' identities included: what would change in them is ignored.
 */
function mustKnow(node: string, stay: readonly string[], endpoint: string | undefined) {
  // The facts for the policies list all nodes.
  const resources = ["Cluster cluster"];
  const outputs = ["nodes"];
  if (!isMaster(node)) return { resources, outputs };
  const workers = stay.filter((name) => !isMaster(name));
  // haproxy's list of API servers; one context for each master.
  resources.push(...workers.map((name) => `Command ${name}-kubelet`));
  // A snapshot before one leaves, and who is asked about upgrades.
  resources.push("Command upgrade");
  outputs.push("kubeconfig");
  const firstStays = stay.some((name) => isMaster(name) && name < node);
  if (!firstStays) {
    // Workers are let in and out by the first master.
    resources.push(...workers.map((name) => `Command ${name}-admit`));
    if (endpoint === undefined) {
      resources.push("kubernetes addons-provider");
      outputs.push("apiEndpoint");
    }
  }
  return { resources: resources.sort(), outputs: outputs.sort() };
}

describe("the graph when nodes come and go", function () {
  this.timeout(120_000);
  // A recording takes a good part of a second, and a counterexample is short as it is.
  const few = { numRuns: 3, endOnFailure: true };

  for (const role of ["worker", "master"] as const) {
    it(`adds to the others nothing they need not know when a ${role} comes`, () =>
      fc.assert(
        fc.asyncProperty(clusterAndNode(role), endpoint, async ([names, node], endpoint) => {
          const stay = names.filter((name) => name !== node);
          const step = await change(stay, names, endpoint);
          assertOwned(only(step.after, step.before), node);
          assert.deepEqual(only(step.before, step.after).map(label), []);
          const { resources, outputs } = mustKnow(node, stay, endpoint);
          assert.deepEqual(changed(step), resources);
          assert.deepEqual(changedOutputs(step), outputs);
        }),
        few,
      ));

    it(`takes from the others nothing when a ${role} goes`, () =>
      fc.assert(
        fc.asyncProperty(clusterAndNode(role), endpoint, async ([names, node], endpoint) => {
          const stay = names.filter((name) => name !== node);
          const step = await change(names, stay, endpoint);
          assertOwned(only(step.before, step.after), node);
          assert.deepEqual(only(step.after, step.before).map(label), []);
          const { resources, outputs } = mustKnow(node, stay, endpoint);
          assert.deepEqual(changed(step), resources);
          assert.deepEqual(changedOutputs(step), outputs);
        }),
        few,
      ));
  }

  it("changes no other master's step when the first master goes", () =>
    fc.assert(
      fc.asyncProperty(clusterOf(2, 1), endpoint, async (names, endpoint) => {
        const [first = "", ...others] = names;
        const step = await change(names, others, endpoint);
        const masters = others.filter(isMaster);
        const touched = changed(step).filter((name) =>
          masters.some((master) => name.includes(` ${master}`) || name.includes(`-${master}`)),
        );
        assert.deepEqual(touched, []);
        assert.deepEqual(changed(step), mustKnow(first, others, endpoint).resources);
      }),
      few,
    ));

  it("has settings of a group, and of a node, in that group's and that node's steps alone", async () => {
    const names = ["master-01", "worker-01", "worker-02", "worker-03"];
    const [one, two] = [{ group: "gpu" }, { group: "gpu", labels: { rack: "2" } }];
    const record = (group: object, more: object = {}) =>
      recordNodes(names, {
        groups: { gpu: group },
        entries: { "worker-01": one, "worker-02": { ...two, ...more } },
      });
    const before = await record({});
    const steps = async (group: object, more?: object) =>
      changed({ before, after: await record(group, more) });
    const of = (step: string, ...nodes: string[]) => nodes.map((name) => `Command ${name}-${step}`);
    const config = { maxPods: 50 };
    assert.deepEqual(await steps({ kubelet: { config } }), of("kubelet", "worker-01", "worker-02"));
    assert.deepEqual(await steps({}, { kubelet: { config } }), of("kubelet", "worker-02"));
    // The node's own label stands before the group's.
    assert.deepEqual(await steps({ labels: { rack: "1" } }), of("admit", "worker-01"));
    const taints = [{ key: "gpu", effect: "NoSchedule" }];
    assert.deepEqual(
      await steps({ taints }),
      ["worker-01", "worker-02"].flatMap((name) => [...of("admit", name), ...of("kubelet", name)]),
    );
  });

  it("is the same in whatever order the file lists the nodes", () =>
    fc.assert(
      fc.asyncProperty(
        clusterOf(1, 1).chain((names) =>
          fc.tuple(
            fc.constant(names),
            fc
              .shuffledSubarray(names, { minLength: names.length, maxLength: names.length })
              .filter((shuffled) => !isDeepStrictEqual(shuffled, names)),
          ),
        ),
        async ([names, shuffled]) => {
          const [{ resources, outputs }, sorted] = [
            await recordNodes(shuffled),
            await recordNodes(names),
          ];
          assert.deepEqual(resources, sorted.resources);
          assert.deepEqual(outputs, sorted.outputs);
        },
      ),
      few,
    ));
});
