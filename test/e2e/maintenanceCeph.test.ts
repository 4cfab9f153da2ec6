import assert from "node:assert/strict";
import { CephCluster } from "./cephCluster";
import { assertNothingLost, fileNodes } from "./expected";
import { editCluster, eventually, must, on, settle, up } from "./lab";
import { boots, outdated, patch, Sentry } from "./patched";
import { again, steps } from "./steps";
import { Writer } from "./writer";

const ceph = new CephCluster("store-02");
const flags = () =>
  ceph.ask<{ crush_node_flags: Readonly<Record<string, readonly string[]>> }>("osd dump")
    .crush_node_flags;

/** When the OSD of a machine started, in milliseconds since 1970. */
function startOf(node: string): number {
  const { stdout, output } = on(
    node,
    "date +%s%3N -d \"$(systemctl show --property=ExecMainStartTimestamp --timestamp=us+utc --value 'ceph-osd@*')\"",
  );
  assert.match(stdout, /^\d+\n$/, output);
  return Number(stdout);
}

/** On the machines of storage.yaml: three monitors, four OSDs. */
describe("machines of Ceph that are maintained", function () {
  this.timeout(900_000);
  before(() => {
    must("pulumi stack select dev --create");
    settle();
    for (const node of fileNodes()) outdated(node);
  });

  it("restart their OSDs one after the other for settings that a release changes", async () => {
    const isWhole = () => ceph.assertWhole(fileNodes("ceph-mon"), [0, 1, 2, 3]);
    await eventually(isWhole, 120);
    const before = fileNodes().map(startOf);
    for (const node of fileNodes()) {
      const file = "/etc/systemd/system/ceph-osd@.service.d/groundwork.conf";
      assert.equal(on(node, `echo '# of a former release' >>${file}`).status, 0);
    }
    const writer = await Writer.start("ceph", fileNodes("ceph-mon"));
    const printed = again(...steps().filter(({ name }) => /-osd-[^/]*img$/.test(name)));
    const report = await writer.stop();
    assert.equal(printed.length, 4);
    for (const text of printed) assert.match(text, /changed: 2/);
    assertNothingLost(report);
    assert.ok(report.longestGap < 10, `${report.longestGap} s`);
    const starts = fileNodes().map(startOf);
    starts.forEach((start, i) => assert.ok(start > (before[i] ?? start), fileNodes()[i]));
    const sorted = [...starts].sort((a, b) => a - b);
    const gaps = sorted.slice(1).map((start, i) => start - (sorted[i] ?? 0));
    assert.ok(Math.min(...gaps) > 6000, `restarted after ${gaps.join(", ")} ms`);
    await eventually(isWhole, 60);
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
    // An OSD that goes without a word is missed after twenty seconds.
    assert.ok(report.longestGap < 15, `${report.longestGap} s`);
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
