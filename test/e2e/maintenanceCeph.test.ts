import assert from "node:assert/strict";
import { CephCluster } from "./cephCluster";
import { assertNothingLost, fileNodes } from "./expected";
import { editCluster, eventually, must, settle, up } from "./lab";
import { boots, outdated, patch, Sentry } from "./patched";
import { Writer } from "./writer";

const ceph = new CephCluster("store-02");
const flags = () =>
  ceph.ask<{ crush_node_flags: Readonly<Record<string, readonly string[]>> }>("osd dump")
    .crush_node_flags;

/** On the machines of storage.yaml: three monitors, four OSDs. */
describe("machines of Ceph that are maintained", function () {
  this.timeout(900_000);
  before(() => {
    must("pulumi stack select dev --create");
    settle();
    for (const node of fileNodes()) outdated(node);
  });

  it("go one after the other, with noout as long as they are away, and none of a client's data is lost", async () => {
    const isWhole = () => ceph.assertWhole(fileNodes("ceph-mon"), [0, 1, 2, 3]);
    await eventually(isWhole, 120);
    editCluster((file) => file.setIn(["cluster", "maintenance"], 1));
    const writer = await Writer.start("ceph", fileNodes("ceph-mon"));
    const sentry = new Sentry(
      22,
      "lab/ssh store-02 'timeout 5 ceph osd dump -f json 2>/dev/null | jq -c .crush_node_flags' 2>/dev/null",
    );
    const result = up();
    const report = await writer.stop();
    const away = sentry.stop();
    assert.equal(result.status, 0, result.output);
    assertNothingLost(report);
    const seen = sentry.seen();
    assert.equal(away, 1, seen.join("\n"));
    // What asks is away itself when it is store-02's turn.
    for (const node of ["store-01", "store-03", "store-04"])
      assert.ok(seen.includes(`{"${node}":["noout"]}`), `${node}: ${seen.join("\n")}`);
    assert.deepEqual(flags(), {});
    for (const node of fileNodes()) {
      assert.equal(patch(node), "2", node);
      assert.equal(boots(node), 2, node);
    }
    await eventually(isWhole, 60);
  });
});
