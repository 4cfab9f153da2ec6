import assert from "node:assert/strict";
import { CephCluster } from "./cephCluster";
import { assertIsTheFile } from "./expected";
import { converge, editCluster, eventually, kubectl, must, on } from "./lab";
import {
  installDriver,
  lastOf,
  makeVolume,
  missing,
  namespace,
  said,
  startWriting,
  writes,
} from "./volumes";

const ceph = new CephCluster("master-01");
const snapshots = "/var/lib/groundwork/snapshots";
const claims = () =>
  kubectl(
    `-n ${namespace} get pvc -o jsonpath='{range .items[*]}{.metadata.name}={.status.phase} {end}'`,
  )
    .trim()
    .split(" ")
    .sort();
const restoreFrom = (snapshot: string | undefined) =>
  editCluster((file) =>
    snapshot === undefined
      ? file.deleteIn(["cluster", "etcd", "restore"])
      : file.setIn(["cluster", "etcd", "restore"], {
          epoch: 1,
          node: "master-01",
          snapshot,
          discard_living: true,
        }),
  );

/** On the machines of `clusters/volumes.yaml`, bare or not. */
describe("volumes of a cluster whose etcd goes back to a snapshot", function () {
  this.timeout(600_000);
  let claimed: readonly string[] = [];
  let last = 0;
  after(() => restoreFrom(undefined));

  before(() => {
    must("pulumi stack select dev --create");
    converge();
    installDriver();
    makeVolume("older");
    startWriting("older");
  });

  it("are there again with all that was written, before the snapshot and after it", async () => {
    claimed = claims();
    const { status, output } = on("master-01", "systemctl start groundwork-snapshot.service");
    assert.equal(status, 0, output);
    const { stdout } = on("master-01", `jq -r .good.name ${snapshots}/state.json`);
    makeVolume("younger");
    startWriting("younger");
    last = lastOf("younger");
    assert.ok(last > 0);
    const written = await eventually(() => {
      const written = lastOf("older");
      assert.ok(written > 10);
      return written;
    });
    restoreFrom(stdout.trim());
    const began = Date.now();
    converge();
    console.log(`      the restore: ${((Date.now() - began) / 1000).toFixed(1)} s`);
    writes("older");
    assert.deepEqual(claims(), claimed);
    assert.ok(claimed.includes("older=Bound"), claimed.join());
    await eventually(() => assert.ok(lastOf("older") > written));
    assert.deepEqual(missing("older", lastOf("older")), []);
    assert.doesNotMatch(said("older"), /failed/);
    await assertIsTheFile();
  });

  it("are left in Ceph, whole and known to nobody, where they are younger than it", async () => {
    assert.match(ceph.run("rbd ls --pool kubernetes"), /^younger$/m);
    assert.equal(kubectl("get pv younger --ignore-not-found"), "");
    // The pod that wrote is none of the API's any more, and lets go of it.
    await eventually(() => {
      const { watchers = [] } = JSON.parse(
        ceph.run("rbd status --pool kubernetes --format json younger"),
      ) as { watchers?: unknown[] };
      assert.deepEqual(watchers, []);
    }, 120);
    assert.deepEqual(missing("younger", last), []);
  });

  it("can be made anew, and one that was left can be claimed again", async () => {
    makeVolume("next");
    startWriting("next");
    ceph.run("rbd rename kubernetes/younger kubernetes/found");
    makeVolume("found", true);
    startWriting("found");
    await eventually(() => assert.match(said("found"), new RegExp(`^began after (\\d+)`)));
    const [, after] = /^began after (\d+)/.exec(said("found")) ?? [];
    assert.ok(Number(after) >= last, `${after} and not ${last}`);
    await assertIsTheFile();
  });
});
