import assert from "node:assert/strict";
import { assertIsTheFile, kubernetesNodes, members } from "../expected";
import { converge, must, on, up, without } from "../lab";

/** On the lab of `clusters/kubernetes.yaml`: three masters and two workers. */
describe("two faults at once", function () {
  this.timeout(900_000);
  it("a master goes from the file while another is dead: refused, and nothing of it is touched", async () => {
    must("lab/node kill master-03");
    const restore = without("master-02");
    const refused = up();
    assert.notEqual(refused.status, 0);
    assert.match(
      refused.output,
      /dismiss failed on master-02 .*: of the 2 members that would stay only 1 are healthy/,
    );
    assert.match(refused.output, /what to do: bring the others back first/);
    assert.ok(kubernetesNodes("master-01").includes("master-02"), "it was drained in spite of it");
    must("lab/node start master-03");
    converge();
    await assertIsTheFile();
    assert.deepEqual(members("master-01"), ["master-01", "master-03"]);
    restore();
  });

  it("a worker is dead while a master comes: the operator is told, and all is done when it is back", async () => {
    must("lab/node kill worker-01");
    const failed = up();
    assert.notEqual(failed.status, 0);
    assert.match(failed.output, /worker-01 \(10\.77\.0\.21:22\) does not answer over SSH/);
    must("lab/node start worker-01");
    converge();
    await assertIsTheFile();
  });

  it("a worker goes while the other is dead: it is let go, without dialling the dead one", async () => {
    must("lab/node kill worker-02");
    const restore = without("worker-01");
    const ran = converge();
    assert.deepEqual(
      ran.filter((name) => !name.startsWith("worker-01-")),
      [],
    );
    assert.equal(on("worker-01", "ls /var/lib/cluster-state").stdout, "");
    must("lab/node start worker-02");
    await assertIsTheFile();
    restore();
    converge();
    await assertIsTheFile();
  });
});
