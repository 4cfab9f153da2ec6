import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { clusterFile, destroyCommand, must, on, root, run, upCommand } from "../lab";
import { Operator } from "../operator";

const lock = (node: string) => on(node, "cat /var/lib/cluster-state/lock 2>/dev/null").stdout;
const valueOf = (text: string, key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1];

/** On bare machines, of which master-01 is one. */
describe("two operators who want the same machine", function () {
  this.timeout(400_000);
  const otherFile = join(root, ".lab/other.yaml");

  before(() => {
    must("pulumi stack select dev --create");
    // Another cluster that is master-01 alone.
    const file = parse(readFileSync(clusterFile, "utf8")) as {
      cluster: object;
      nodes: { name: string }[];
    };
    const nodes = file.nodes.filter(({ name }) => name === "master-01");
    writeFileSync(otherFile, stringify({ cluster: { ...file.cluster, name: "other" }, nodes }));
    must(
      "pulumi stack init other --no-select && pulumi --stack other config set groundwork:clusterFile .lab/other.yaml && pulumi --stack other config set groundwork:protect false",
    );
  });
  after(() => {
    for (const stack of ["dev", "other"]) {
      run(`pulumi --stack ${stack} cancel --yes`);
      must(`${destroyCommand} --stack ${stack}`);
    }
    must("pulumi stack rm other --yes");
    for (const file of [otherFile, join(root, "Pulumi.other.yaml")]) rmSync(file, { force: true });
    assert.equal(lock("master-01"), "");
  });

  it("with one stack: the second is told who is at work since when, and does nothing", async () => {
    const first = new Operator();
    assert.ok(await first.until(({ step }) => step.includes("-claim")), "it never began");
    const second = await new Operator().result;
    assert.notEqual(second.status, 0);
    assert.match(second.output, /the stack is currently locked by 1 lock\(s\)/);
    assert.match(second.output, /created by \S+@\S+ \(pid \d+\) at \d{4}-\d\d-\d\dT/);
    first.interrupt();
    await first.result;
    must(destroyCommand);
  });

  it("with two stacks at the same moment: one gets it, the other is told who holds it since when", async () => {
    const operators = { dev: new Operator(), other: new Operator(`${upCommand} --stack other`) };
    const claim = "command:remote:Command master-01-claim";
    await Promise.all(
      Object.values(operators).map((one) =>
        one.until(({ step, state }) => step === claim && state === "ends"),
      ),
    );
    const held = lock("master-01");
    const winner = valueOf(held, "stack")?.replace("groundwork/", "") as "dev" | "other";
    const loser = winner === "dev" ? "other" : "dev";
    const refused = await operators[loser].result;
    operators[winner].interrupt();
    await operators[winner].result;
    assert.notEqual(refused.status, 0);
    const name = winner === "dev" ? "lab" : "other";
    const expected = `the machine belongs to cluster '${name}' (${valueOf(held, "cluster_id")}) as 'master-01' since ${valueOf(held, "since")}, held by stack 'groundwork/${winner}'`;
    assert.ok(refused.output.includes(expected), refused.output);
    assert.equal(lock("master-01"), held);
  });

  it("by hand, a machine is reset only for the cluster's own id", () => {
    must("tar c steps | lab/ssh master-01 tar x -C /tmp");
    const held = lock("master-01");
    const reset = (id: string) =>
      on(
        "master-01",
        `${id} NODE=master-01 NODE_IP=10.77.0.11 STEP=reset bash /tmp/steps/claim/reset.sh`,
      );
    const nameless = reset("");
    assert.notEqual(nameless.status, 0);
    assert.match(nameless.stderr, /CLUSTER_ID/);
    const stranger = reset("CLUSTER_ID=11111111-2222-3333-4444-555555555555");
    assert.notEqual(stranger.status, 0);
    assert.match(stranger.stderr, /names [0-9a-f-]{36}, not 11111111-2222-3333-4444-555555555555/);
    assert.equal(lock("master-01"), held);
    const own = reset(`CLUSTER_ID=${valueOf(held, "cluster_id")}`);
    assert.equal(own.status, 0, own.stderr);
    assert.equal(lock("master-01"), "");
  });
});
