import assert from "node:assert/strict";
import { CephCluster } from "./cephCluster";
import { assertIsTheFile } from "./expected";
import { converge, editCluster, eventually, must, on, preview, up } from "./lab";
import { killedAt } from "./operator";
import { installDriver, lastOf, makeVolume, missing, restart, said, startWriting } from "./volumes";

const monitors = ["master-01", "worker-01"];
const ceph = new CephCluster("master-01");
const rotate = (numbers: Readonly<Record<string, number>>) =>
  editCluster((file) => {
    for (const [field, number] of Object.entries(numbers))
      file.setIn(["cluster", "ceph", "rotations", field], number);
  });

/** Keeps the key that a user has today, for somebody who has stolen it. */
const steal = (user: string) =>
  ceph.run(`bash -c 'umask 077; ceph auth get ${user} -o /root/stolen.${user} 2>/dev/null'`);
/** What Ceph says to who asks by a stolen key. */
const asThief = (user: string, command: string) =>
  on("master-01", `timeout 30 ${command} --name ${user} --keyring /root/stolen.${user}`);
const userOfSecret = () =>
  must(
    "kubectl -n ceph-csi get secret csi-rbd-secret -o jsonpath='{.data.userID}' | base64 -d",
  ).trim();
/** Who is logged in to a monitor, of the users of volumes. */
const loggedIn = () =>
  [
    ...new Set(
      monitors.flatMap((name) =>
        ceph
          .ask<{ entity_name: string }[]>(`tell mon.${name} sessions`)
          .map(({ entity_name }) => entity_name),
      ),
    ),
  ].filter((name) => name.startsWith("client.kubernetes"));
const adminWorks = () => {
  for (const name of monitors) {
    const { status, output } = on(name, "timeout 30 ceph --connect-timeout 15 health");
    assert.equal(status, 0, `${name}: ${output}`);
  }
};
const nothingFailed = () => assert.doesNotMatch(said("rotated"), /failed/);

/** On the bare machines of `clusters/volumes.yaml`. */
describe("keys of Ceph that are followed by others", function () {
  this.timeout(600_000);

  before(() => {
    must("pulumi stack select dev --create");
    converge();
    installDriver();
    makeVolume("rotated");
    startWriting("rotated");
    for (const user of ["client.admin", "client.kubernetes", "client.bootstrap-osd"]) steal(user);
    ceph.run("rbd create kubernetes/spare --size 1M");
  });

  it("are told of in the preview, in their order", () => {
    rotate({ kubernetes_key: 2, admin_key: 2 });
    const { status, output } = preview();
    assert.equal(status, 0, output);
    assert.match(output, /Keys of Ceph's administrator 1 -> 2, one line after the other/);
    assert.match(output, /Key of Kubernetes' volumes in Ceph 1 -> 2, one line after the other/);
    const back = rotate({ oldest_kubernetes_key: 2 });
    const early = preview();
    back();
    assert.notEqual(early.status, 0);
    assert.match(early.output, /oldest_kubernetes_key: 2 would end key 1/);
  });

  it("come though the operator is killed between, and a pod writes to its volume all the while", async () => {
    for (const [step, state] of [
      [/:Command ceph-master-01-keys$/, "ends"],
      [/:Command ceph-master-01-mon$/, "begins"],
      [/:Command ceph-configure$/, "ends"],
    ] as const) {
      await killedAt(step, state);
    }
    const result = up();
    assert.equal(result.status, 0, result.output);
    nothingFailed();
    adminWorks();
    assert.match(
      asThief("client.admin", "ceph --connect-timeout 15 health").output,
      /permission denied/,
    );
    assert.notEqual(
      asThief("client.bootstrap-osd", "ceph --connect-timeout 15 osd dump").status,
      0,
    );
    assert.equal(userOfSecret(), "kubernetes-2");
    // Who has the volume keeps it by the former key.
    assert.deepEqual(loggedIn(), ["client.kubernetes"]);
    assert.equal(asThief("client.kubernetes", "rbd ls --pool kubernetes").status, 0);
    await eventually(() => ceph.assertWhole(monitors, [0, 1]), 60);
    await assertIsTheFile();
  });

  it("stay while a volume is in use by them, which is named", () => {
    rotate({ oldest_kubernetes_key: 2 });
    const { status, output } = up();
    assert.notEqual(status, 0);
    assert.match(
      output,
      /volumes are still in use by a former key: client\.kubernetes on 10\.77\.0\.21 \(kubernetes\/rotated\)/,
    );
    nothingFailed();
    assert.equal(asThief("client.kubernetes", "rbd ls --pool kubernetes").status, 0);
  });

  it("are refused when no volume is in use by them any more, and nothing written is lost", async () => {
    const before = lastOf("rotated");
    restart("rotated");
    const result = up();
    assert.equal(result.status, 0, result.output);
    assert.notEqual(asThief("client.kubernetes", "rbd ls --pool kubernetes").status, 0);
    assert.deepEqual(loggedIn(), ["client.kubernetes-2"]);
    const last = await eventually(() => {
      const last = lastOf("rotated");
      assert.ok(last > before + 5);
      return last;
    });
    assert.deepEqual(missing("rotated", last), []);
    nothingFailed();
    makeVolume("later");
    startWriting("later");
    await eventually(() => ceph.assertWhole(monitors, [0, 1]), 60);
    await assertIsTheFile();
  });

  it("are not taken back", () => {
    const back = rotate({ admin_key: 1 });
    const { status, output } = preview();
    back();
    assert.notEqual(status, 0);
    assert.match(output, /admin_key: 1 is a former key, and key 2 is in use/);
  });
});
