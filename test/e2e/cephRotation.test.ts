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
/** The OSD of a machine: its number. */
const osdOf = (node: string) => on(node, "ls /etc/ceph/groundwork-osd").stdout.trim();
/** Both keys of a machine's OSD, as they lie there: the one that it has, and the one that it is to have next. */
const keysOn = (node: string) =>
  ["keyring", "next"].map(
    (kind) =>
      /key = (.+)/.exec(on(node, `cat /etc/ceph/ceph.osd.${osdOf(node)}.${kind}`).stdout)?.[1],
  );
const keyKnown = (node: string) =>
  ceph.ask<readonly { key: string }[]>(`auth get osd.${osdOf(node)}`)[0]?.key;
/** An OSD ends as by a fault, and has to come up by itself. */
async function crash(node: string): Promise<void> {
  const id = osdOf(node);
  const runs = () => on(node, `systemctl show --property=MainPID --value ceph-osd@${id}`).stdout;
  const before = runs();
  on(node, `systemctl kill --signal=SIGKILL ceph-osd@${id}`);
  await eventually(() => {
    const now = runs();
    assert.ok(now !== before && now.trim() !== "0", `osd.${id} on ${node} does not start`);
    const { output } = on(node, `ceph daemon osd.${id} status`);
    assert.match(output, /"state": "active"/, `osd.${id} on ${node}`);
  }, 60);
}
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
    for (const node of monitors) steal(`osd.${osdOf(node)}`);
    ceph.run("rbd create kubernetes/spare --size 1M");
  });

  it("are told of in the preview, in their order", () => {
    rotate({ kubernetes_key: 2, admin_key: 2 });
    const withOsds = rotate({ osd_key: 2 });
    const { status, output } = preview();
    withOsds();
    assert.equal(status, 0, output);
    assert.match(output, /Keys of Ceph's administrator 1 -> 2, one line after the other/);
    assert.match(output, /Key of Kubernetes' volumes in Ceph 1 -> 2, one line after the other/);
    assert.match(output, /Keys of Ceph's OSDs 1 -> 2, one OSD after the other/);
    assert.match(
      output,
      /master-01: the monitors know the OSD on \/var\/lib\/osd\/disk\.img by key 2/,
    );
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

  it("of OSDs come while the operator is killed between, OSDs end by faults, and a pod writes to its volume", async () => {
    const [first = "?"] = monitors;
    const was = monitors.map(keyKnown);
    rotate({ osd_key: 2 });
    await killedAt(/:Command ceph-master-01-osd-\S+-next$/, "ends");
    // Nobody but its machine has heard of the next key, or the monitors have by now.
    await crash(first);
    assert.ok(keysOn(first).includes(keyKnown(first)), "it has not the key that Ceph knows");
    await killedAt(/:Command ceph-master-01-osd-\S+-tell$/, "ends");
    assert.notEqual(keyKnown(first), was[0]);
    const [had, next] = keysOn(first);
    if (next !== undefined) assert.deepEqual([had, next], [was[0], keyKnown(first)]);
    // It runs by a key that it is not let in by any more, and finds the other.
    await crash(first);
    assert.deepEqual(keysOn(first), [keyKnown(first), undefined]);
    await killedAt(/:Command ceph-worker-01-osd-\S+(?<!-(next|tell|member))$/, "begins");
    const result = up();
    assert.equal(result.status, 0, result.output);
    nothingFailed();
    for (const [i, node] of monitors.entries()) {
      const id = osdOf(node);
      assert.notEqual(keyKnown(node), was[i], node);
      assert.deepEqual(keysOn(node), [keyKnown(node), undefined], node);
      assert.match(
        asThief(`osd.${id}`, "ceph --connect-timeout 15 osd stat").output,
        /permission denied/,
        node,
      );
      const left = on(node, `ls /etc/systemd/system/ceph-osd@${id}.service.d 2>/dev/null`);
      assert.equal(left.stdout.trim(), "", node);
    }
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
    for (const field of ["admin_key", "osd_key"]) {
      const back = rotate({ [field]: 1 });
      const { status, output } = preview();
      back();
      assert.notEqual(status, 0);
      assert.match(output, new RegExp(`${field}: 1 is a former key, and key 2 is in use`));
    }
  });
});
