import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import * as command from "@pulumi/command";
import { parse } from "yaml";
import type { Path } from "../../config/issues";
import { valueAt, withValue } from "../../arguments/take";
import { exportsOf } from "../../components/outputs";
import { Cluster, type ClusterArgs } from "../../library";
import { whatRuns } from "./deliveries";
import { failure } from "./failure";
import { type Graph, record, reveal } from "./record";
import { sampleFile, samples } from "./samples";

/** A program's files lie where it is run; a sample's beside it. */
const argsOf = (sample: string) => {
  const file = sampleFile(sample);
  const text = readFileSync(file, "utf8").replace(/(?<=key_file: )(?=\w)/, `${dirname(file)}/`);
  return parse(text) as ClusterArgs;
};

/** What another resource makes of each machine, by the name of that resource. */
function machinesOf(
  args: ClusterArgs,
): Map<string, { readonly path: Path; readonly value: string }> {
  return new Map(
    args.nodes.flatMap((node, i) =>
      (node.managed === false ? ["ip"] : ["ip", "host_key"]).map((key) => {
        const path = ["nodes", i, key];
        return [`vm-${node.name}-${key}`, { path, value: valueAt(args, path) as string }] as const;
      }),
    ),
  );
}

/** A program whose machines' addresses and host keys are other resources' outputs. */
function madeElsewhere(name: string, args: ClusterArgs) {
  const made = machinesOf(args);
  const answers = Object.fromEntries([...made].map(([vm, { value }]) => [vm, value]));
  const program = () => {
    const all = [...made].reduce<unknown>((all, [vm, { path }]) => {
      const connection = { host: "hypervisor.example.org" };
      const { stdout } = new command.remote.Command(vm, { connection, create: "make" });
      return withValue(all, path, stdout);
    }, args);
    return exportsOf(new Cluster(name, { ...(all as ClusterArgs), former }));
  };
  return { program, answers };
}

const former = { nodes: {} };
const plain = (args: ClusterArgs) =>
  record(() => exportsOf(new Cluster("prod", { ...args, former })));
const ownOf = ({ resources }: Graph) =>
  resources.filter(({ name, type }) => !name.startsWith("vm-") && !type.startsWith("pulumi:"));
const inputsOf = (graph: Graph) =>
  Object.fromEntries(
    ownOf(graph).map(({ urn, inputs, program }) => [urn, { inputs: reveal(inputs), program }]),
  );
const standIns = /240(\.1\d\d){3}/;

for (const sample of samples.filter((name) => name !== "large")) {
  describe(`cluster '${sample}' of machines that other resources make`, () => {
    const args = argsOf(sample);
    const { program, answers } = madeElsewhere("prod", args);
    let known: Graph;
    let made: Graph;
    let preview: Graph;
    before(async () => {
      known = await plain(args);
      made = await record(program, { answers });
      preview = await record(program, { answers, preview: true });
    });

    it("has the same inputs as one whose addresses are plain", () => {
      assert.deepEqual(inputsOf(made), inputsOf(known));
      assert.deepEqual(reveal(made.outputs), reveal(known.outputs));
    });

    it("invites its nodes by the same programs", async () => {
      const invites = Object.keys(known.hooks).filter((name) => name.endsWith("-invited"));
      for (const name of invites) {
        const ran = ({ hooks }: Graph) => whatRuns(() => Promise.resolve(hooks[name]?.()));
        assert.deepEqual(await ran(made), await ran(known), name);
      }
    });

    it("waits for what it waits for otherwise, and for the machines it dials or names", () => {
      const before = new Map(known.resources.map(({ urn, dependsOn }) => [urn, dependsOn]));
      for (const { urn, dependsOn } of ownOf(made)) {
        const more = dependsOn.filter((other) => !before.get(urn)?.includes(other));
        assert.deepEqual(
          more.filter((other) => !other.includes("::vm-")),
          [],
          urn,
        );
        assert.ok(
          before.get(urn)?.every((other) => dependsOn.includes(other)),
          urn,
        );
        const [, node = ""] = /::prod-(.*)-(?:preflight|claim|prepare)$/.exec(urn) ?? [];
        // One that calls is dialled through others.
        const living = args.nodes.find(
          ({ name, lost, via }) => name === node && !lost && via !== "call",
        );
        if (!living) continue;
        const names = more.map((other) => other.replace(/^.*::/, "")).sort();
        assert.deepEqual(names, [`vm-${node}-host_key`, `vm-${node}-ip`], urn);
      }
    });

    it("shows at preview the resources of up, and no stand-in anywhere", () => {
      const urns = (graph: Graph) => ownOf(graph).map(({ urn }) => urn);
      assert.deepEqual(urns(preview), urns(made));
      for (const graph of [preview, made])
        for (const { urn, inputs } of graph.resources)
          assert.doesNotMatch(JSON.stringify(reveal(inputs)), standIns, urn);
      for (const { outputs, facts } of [preview, made])
        assert.doesNotMatch(JSON.stringify([reveal(outputs), reveal(facts)]), standIns);
    });
  });
}

describe("a cluster of a program", () => {
  it("protects nothing where it is told so", async () => {
    const made = await record(() => {
      new Cluster("prod", { ...argsOf("single"), former, protect: false });
      return undefined;
    });
    const kept = made.resources.filter(({ protect }) => protect).map(({ name }) => name);
    assert.deepEqual(kept, [], "library/cluster.ts");
  });
});

describe("a machine that another resource makes", () => {
  it("is called by its real address where it is a copy of another", async () => {
    const { program, answers } = madeElsewhere("prod", argsOf("small"));
    const facts = { machineId: "0123456789abcdef".repeat(2) };
    const { hooks } = await record(program, { answers, facts });
    await assert.rejects(
      Promise.resolve(hooks["prod-worker-01-distinct"]?.()),
      ({ message }: Error) => message.includes("(10.0.0.21)") && !standIns.test(message),
      "components/fleet.ts",
    );
  });
});

describe("a cluster of which a value becomes known that does not fit", () => {
  const args = argsOf("small");
  /** What fails, the steps that ran and the resources that were made, where `field` of the first node becomes `value`. */
  async function fails(field: "ip" | "host_key", value: string) {
    const steps: string[] = [];
    const program = () => {
      const connection = { host: "hypervisor.example.org" };
      const { stdout } = new command.remote.Command("vm", { connection, create: "make" });
      const [first, ...others] = args.nodes;
      assert.ok(first);
      new Cluster("prod", { ...args, nodes: [{ ...first, [field]: stdout }, ...others], former });
      return undefined;
    };
    const run = (name: string) => Promise.resolve(void steps.push(name));
    let graph: Graph | undefined;
    const text = await failure(async () => {
      graph = await record(program, { answers: { vm: value }, run });
    });
    return { text: text ?? "it goes on", steps, made: graph ? ownOf(graph) : [] };
  }

  it("has no step, on any machine", async () => {
    const { text, steps } = await fails("host_key", "ssh-rsa AAAA");
    assert.match(text, /^Cluster prod has one problem:\n {2}nodes\[0\]\.host_key: /);
    assert.deepEqual(steps, ["vm"], "components/cluster.ts waits for no check");
  });

  it("has no certificate for another's address", async () => {
    const { text, made } = await fails("ip", args.nodes[1]?.ip as string);
    assert.match(text, /^Cluster prod has one problem:\n {2}nodes\[.\]\.ip: .* is already/);
    const requests = made.filter(({ type }) => type === "tls:index/certRequest:CertRequest");
    assert.deepEqual(
      requests.map(({ name }) => name),
      [],
      "arguments/plan.ts",
    );
  });
});

describe("two clusters in one program", () => {
  it("have names of their own, for resources and hooks", async () => {
    const [small, single] = [argsOf("small"), argsOf("single")];
    const one = madeElsewhere("one", small);
    const both = () => {
      one.program();
      new Cluster("two", { ...single, former });
      return undefined;
    };
    const graph = await record(both, { answers: one.answers });
    const urns = graph.resources.map(({ urn }) => urn);
    assert.equal(new Set(urns).size, urns.length);
    const hooksOf = ({ hooks }: Graph) => Object.keys(hooks).length;
    assert.equal(hooksOf(graph), hooksOf(await plain(small)) + hooksOf(await plain(single)));
    const clusters = graph.resources.filter(({ type }) => type === "groundwork:index:Cluster");
    assert.deepEqual(clusters.map(({ name }) => name).sort(), ["one", "two"]);
  });
});
