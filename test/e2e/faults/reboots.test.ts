import assert from "node:assert/strict";
import { assertIsTheFile, assertNothingLost, fileNodes } from "../expected";
import { must, on, shuffled } from "../lab";
import { Writer } from "../writer";

/** What no reboot may change: who holds the machine, its member of etcd, and the files of its state. */
const states = () =>
  fileNodes().map((node) => on(node, "head -n -0 /var/lib/cluster-state/[a-z]*[a-z]").stdout);

/** On the lab's own cluster, whose machines carry Kubernetes and Ceph: what comes back without any `up`. */
describe("machines that reboot under two clients' eyes", function () {
  this.timeout(900_000);

  async function under(fault: () => void): Promise<void> {
    const before = states();
    const writers = [await Writer.start("api"), await Writer.start("ceph", fileNodes("ceph-mon"))];
    try {
      fault();
      await assertIsTheFile();
    } finally {
      for (const writer of writers) assertNothingLost(await writer.stop());
    }
    assert.deepEqual(states(), before);
  }
  after(() => Writer.clean());

  it("all masters at once, in good order", () =>
    under(() => {
      for (const node of fileNodes("master")) must(`lab/node stop ${node}`);
      for (const node of fileNodes("master")) must(`lab/node start ${node}`);
    }));

  it("all machines lose power in any order, and come back in any other", () =>
    under(() => {
      const [off, on] = [shuffled(fileNodes()), shuffled(fileNodes())];
      console.log(`      off: ${off.join(" ")}, on: ${on.join(" ")}`);
      for (const node of off) must(`lab/node kill ${node}`);
      for (const node of on) must(`lab/node start ${node}`);
    }));
});
