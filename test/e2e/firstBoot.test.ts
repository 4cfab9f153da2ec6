import assert from "node:assert/strict";
import { shut, reopen, succeeds } from "./console";
import { assertIsTheFile, kubernetesNodes } from "./expected";
import { converge, destroyCommand, eventually, must, on, run } from "./lab";
import { Operator } from "./operator";
import { steps } from "./steps";

const master = "master-01";
const workers = ["worker-01", "worker-02"];

/** For the machines of clusters/firstBoot.yaml, all made of images. */
describe("a master, then two workers, one after the other", function () {
  this.timeout(900_000);
  const ready = () => kubernetesNodes(master);
  const known = [master];

  before(() => {
    must("pulumi stack select dev --create");
    // They are not there yet.
    for (const worker of workers) must(`lab/node wipe ${worker} --keep-host-key`);
  });

  it("each comes up by itself at its first start, and joins", async () => {
    const operator = new Operator();
    await eventually(() => assert.deepEqual(ready(), known), 240);
    for (const worker of workers) {
      const key = `.lab/nodes/${worker}/ssh_host_ed25519_key`;
      must(
        `umask 077; npm run --silent seed -- ${worker} --host-key ${key} --file .lab/cluster.yaml >.lab/seed && lab/node seed ${worker} .lab/seed`,
      );
      const began = Date.now();
      must(`lab/node start ${worker}`);
      shut(worker);
      known.push(worker);
      await eventually(() => assert.deepEqual(ready(), known), 240);
      console.log(
        `      ${worker}: Ready ${((Date.now() - began) / 1000).toFixed(1)} s after power-on`,
      );
    }
    const { status, output } = await operator.result;
    assert.equal(status, 0, output);
    converge();
    for (const worker of workers) reopen(worker);
    const printed = new Map(steps().map(({ name, printed }) => [name, printed.trim()]));
    for (const node of known) assert.equal(printed.get(`${node}-prepare`), "unchanged", node);
    await assertIsTheFile();
  });

  it("each is what its seed made of it", () => {
    for (const worker of workers) {
      const { status, output } = on(worker, "cloud-init status --wait");
      assert.equal(status, 0, output);
      assert.match(output, /status: done/);
    }
  });

  it("come back by themselves after a power cut, and no operator is there", async () => {
    for (const node of known) must(`lab/node kill ${node}`);
    for (const node of known) must(`lab/node start ${node}`);
    await assertIsTheFile();
  });

  it("go with the cluster", () => {
    succeeds(run(destroyCommand, { seconds: 600 }));
  });
});
