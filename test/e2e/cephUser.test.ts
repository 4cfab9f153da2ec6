import assert from "node:assert/strict";
import { dirname } from "node:path";
import { CephCluster } from "./cephCluster";
import { eventually, must, on } from "./lab";
import { again, machines, steps } from "./steps";

/** A machine with all of Ceph's daemons. */
const node = "master-02";
const data = "/var/lib/ceph";
/** Root's own: what a link of somebody else's must never lead root to. */
const canaries = "/root/canaries";
const ceph = new CephCluster("master-01");
const isWhole = () => ceph.assertWhole(["master-01", "master-02", "master-03"], [0, 1, 2]);

/** Runs a command as root on the machine; it must succeed. */
function root(command: string): string {
  const { status, stdout, output } = on(node, command);
  assert.equal(status, 0, `${command}:\n${output}`);
  return stdout.trim();
}
/** Runs commands as whoever has taken over a daemon. */
const daemon = (command: string) =>
  on(node, `setpriv --reuid=ceph --regid=ceph --init-groups bash -euc '${command}' 2>&1`);
const look = () =>
  root(`find ${canaries} -printf '%p %u:%g %m %s %T@\\n' | sort; cat ${canaries}/*`);

describe("whoever has taken over a daemon of Ceph", function () {
  this.timeout(300_000);
  let id: string;
  let former: string;

  before(async () => {
    await eventually(isWhole, 60);
    id = root("ls /etc/ceph/groundwork-osd");
    root(
      `mkdir -m 0755 ${canaries}; echo mine >${canaries}/file; echo secret >${canaries}/key; chmod 600 ${canaries}/*`,
    );
    former = look();
  });
  after(() => root(`rm -r ${canaries}`));

  it("is the user as whom all of them begin, and keeps what crashed ones report", () => {
    for (const unit of ["crash", `mon@${node}`, `mgr@${node}`, `osd@${id}`])
      assert.equal(root(`systemctl show --property=User --value ceph-${unit}`), "ceph", unit);
    assert.equal(daemon(`test -w ${data}/crash/posted`).status, 0);
  });

  it("does not read the administrator's key, nor that with which OSDs are made", () => {
    for (const name of ["client.admin", "client.bootstrap-osd"]) {
      const { output } = daemon(`cat /etc/ceph/ceph.${name}.keyring`);
      assert.match(output, /Permission denied/, name);
    }
  });

  it("can change no folder in which root writes", () => {
    const { output } = daemon(
      "find /etc /usr /root /run/groundwork -type d -writable 2>/dev/null; true",
    );
    assert.equal(output, "");
  });

  it("runs nothing as root that takes what it likes", () => {
    for (const disk of ["sda", "nvme0n1"]) {
      const { status, output } = daemon(`sudo -n /usr/sbin/smartctl -x --json=o /dev/${disk}`);
      assert.match(output, /"smartctl": \{/, `${disk}: ${status}`);
    }
    const log = `${canaries}/log`;
    for (const command of [
      "nvme list smart-log-add --json /dev/null",
      "nvme intel smart-log-add --json /dev/nvme0n1",
      `smartctl -x --json=o /dev/sda -B ${log}`,
      `smartctl -x --json=o "/dev/sda -B ${log}"`,
      "smartctl -s off /dev/sda",
    ])
      assert.match(
        daemon(`sudo -n /usr/sbin/${command}`).output,
        /a password is required|not allowed/,
      );
  });

  it("is given nothing by a link for which an OSD starts", async () => {
    const unit = `ceph-osd@${id}.service`;
    const started = () => root(`systemctl show --property=NRestarts --value ${unit}`);
    const restarts = started();
    daemon(`ln -sfn ${canaries}/file ${data}/osd/ceph-${id}/block`);
    root(`systemctl kill --signal=SIGKILL ${unit}`);
    await eventually(() => assert.notEqual(started(), restarts), 60);
    root("sleep 1");
    assert.equal(look(), former);
  });

  it("leads root nowhere by links in the place of all that the steps know of its folders", async () => {
    const links = [
      // The names that an OSD, a monitor and a manager have there, and those that a text waits under.
      ...["keyring", "block", ".groundwork.keyring"].map((name) => `osd/ceph-${id}/${name}`),
      ...["keyring", ".groundwork.keyring"].flatMap((name) => [
        `mon/${name}`,
        `bootstrap-osd/${name}`,
      ]),
      "bootstrap-osd/ceph.keyring",
      "bootstrap-osd/.groundwork.ceph.keyring",
    ].map(
      (name) =>
        `mkdir -p ${dirname(`${data}/${name}`)}; rm -rf ${data}/${name}; ln -s ${canaries}/new-${name.replaceAll("/", "-")} ${data}/${name}`,
    );
    const folders = ["tmp", "mgr"].map(
      (name) => `rm -rf ${data}/${name}; ln -s ${canaries} ${data}/${name}`,
    );
    const { output } = daemon([...links, ...folders].join("\n"));
    assert.equal(output, "");
    const ip = [...machines()].find(([, name]) => name === node)?.[0];
    const mine = steps().filter((step) => step.ip === ip && step.name.startsWith("ceph-"));
    assert.ok(mine.length >= 4);
    // Some may fail for what their daemons have lost; none may lose anything of root's.
    again(...mine);
    assert.equal(look(), former);
    daemon(`find ${data} -type l ! -name block -delete; mkdir ${data}/tmp ${data}/mgr`);
    for (const printed of again(...mine)) assert.match(printed, /^(changed: \d+|unchanged)$/);
    await eventually(isWhole, 120);
  });
});

/** A machine that has the right to make OSDs, and no more. */
describe("a machine with OSDs", function () {
  this.timeout(300_000);
  const own = "worker-01";
  let id: string;

  /** Its OSD is stopped, and the cluster knows. */
  async function stop(): Promise<void> {
    must(`lab/ssh ${own} systemctl stop ceph-osd@${id}`);
    await eventually(
      () => assert.equal(ceph.osds().find(({ osd }) => String(osd) === id)?.up, 0),
      60,
    );
  }

  before(() => {
    id = on(own, "ls /etc/ceph/groundwork-osd").stdout.trim();
  });

  it("cannot give up the OSD of another, even when that is down", async () => {
    await stop();
    try {
      const { status, output } = on(
        node,
        `ceph --connect-timeout 20 --name client.bootstrap-osd osd destroy-actual ${id} --yes-i-really-mean-it`,
      );
      assert.notEqual(status, 0, output);
      assert.match(output, /EACCES/);
    } finally {
      must(`lab/ssh ${own} systemctl start ceph-osd@${id}`);
    }
    await eventually(isWhole, 120);
  });

  it("gives up its own whose disk was lost, and starts it again empty under its id", async () => {
    ceph.run("rados --pool kubernetes put kept /etc/passwd");
    await stop();
    must(`lab/ssh ${own} rm -r /var/lib/osd/disk.img ${data}/osd/ceph-${id}`);
    const step = steps().find(({ name }) => name === `ceph-${own}-osd-var-lib-osd-disk.img`);
    assert.ok(step);
    assert.match(again(step).join(), /^changed: \d+$/);
    await eventually(isWhole, 120);
    assert.equal(on(own, "ls /etc/ceph/groundwork-osd").stdout.trim(), id);
    assert.equal(ceph.run("rados --pool kubernetes get kept -"), ceph.run("cat /etc/passwd"));
  });
});
