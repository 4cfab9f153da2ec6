import assert from "node:assert/strict";
import { assertIsTheFile, assertNothingLost } from "../expected";
import { converge, destroyCommand, must, run, shuffled, without } from "../lab";
import { Writer } from "../writer";

/** On the lab of `clusters/kubernetes.yaml`: three masters and two workers. */
describe("nodes that go in any order", function () {
  this.timeout(900_000);
  after(() => Writer.clean());

  it("all go but one, in any order, under a client's eyes, and come again", async () => {
    const order = shuffled(["master-01", "master-02", "master-03", "worker-01", "worker-02"]);
    const stays = order.findIndex((name) => name.startsWith("master"));
    const going = order.filter((_, i) => i !== stays);
    console.log(`      in the order ${going.join(", ")}`);
    const writer = await Writer.start("api");
    const restores = going.map((name) => {
      const restore = without(name);
      converge();
      return restore;
    });
    await assertIsTheFile();
    restores[0]?.();
    converge();
    assertNothingLost(await writer.stop());
    await assertIsTheFile();
  });
});

describe("pulumi destroy while a machine is dead", function () {
  this.timeout(400_000);

  it("ends within two minutes, and names the machine", () => {
    must("lab/node kill worker-02");
    const began = Date.now();
    const result = run(destroyCommand);
    const seconds = (Date.now() - began) / 1000;
    assert.notEqual(result.status, 0);
    assert.match(result.output, /worker-02-claim/);
    assert.ok(seconds < 120, `it took ${seconds} s`);
  });
});
