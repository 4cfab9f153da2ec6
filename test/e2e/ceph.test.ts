import assert from "node:assert/strict";
import { CephCluster } from "./cephCluster";
import { askDashboard, dashboards } from "./dashboard";
import { assertIsTheFile } from "./expected";
import { eventually, must, on } from "./lab";

const monitors = ["master-01", "master-02", "master-03"];
const osdNodes = ["master-02", "master-03", "worker-01"];
const everyNode = [...new Set([...monitors, ...osdNodes])];

const cluster = new CephCluster("master-01");
const ceph = (command: string) => cluster.run(command);
const isWhole = () => cluster.assertWhole(monitors, [0, 1, 2]);

describe("the lab's Ceph", function () {
  this.timeout(600_000);

  it("is healthy, with nothing muted", async () => {
    await eventually(isWhole, 60);
  });

  it("speaks protocol 2 alone", () => {
    const map = ceph("ceph mon dump 2>/dev/null");
    assert.doesNotMatch(map, /v1:/);
    assert.equal(map.match(/v2:10\.77\.0\.\d+:3300/g)?.length, 3);
  });

  it("has the program's keys, which its own tool reads", () => {
    const keyring = "/etc/ceph/ceph.mgr.master-01.keyring";
    const read = ceph(`ceph-authtool --print-key --name mgr.master-01 ${keyring}`).trim();
    assert.equal(ceph("ceph auth print-key mgr.master-01").trim(), read);
    for (const node of everyNode) {
      const open = on(
        node,
        "find /etc/ceph /var/lib/ceph \\( -name '*keyring' -o -name '*.key' \\) ! -perm 600",
      );
      assert.equal(open.stdout, "", `files that others can read on ${node}`);
    }
  });

  it("gives Kubernetes' user its pool and no more", () => {
    const read = must(
      "kubectl -n ceph-csi get secret csi-rbd-secret -o jsonpath='{.data.userKey}' | base64 -d",
    );
    assert.equal(ceph("ceph auth print-key client.kubernetes").trim(), read.trim());
    const as = (command: string) =>
      on(
        "master-01",
        `umask 077; ceph auth get client.kubernetes -o /run/k 2>/dev/null; timeout 30 ${command} --name client.kubernetes --keyring /run/k; e=$?; rm /run/k; exit $e`,
      );
    const mine = as("rbd create kubernetes/e2e --size 16M");
    assert.equal(mine.status, 0, mine.output);
    assert.equal(as("rbd rm --no-progress kubernetes/e2e").status, 0);
    assert.notEqual(as("rados --pool .mgr ls").status, 0);
  });

  it("shows its dashboard over TLS to whoever has the stack's password", async () => {
    const { urls, user, password, ca } = dashboards();
    const { dashboard: active } = JSON.parse(ceph("ceph mgr services --format json")) as {
      dashboard: string;
    };
    assert.ok(
      urls.some((url) => active.startsWith(url)),
      `${active} is none of ${urls.join()}`,
    );
    const page = await askDashboard(active, ca);
    assert.equal(page.code, 200);
    assert.match(page.text, /<title>Ceph<\/title>/);
    const kubernetes = on("master-01", "cat /etc/kubernetes/pki/ca.crt").stdout;
    await assert.rejects(askDashboard(active, kubernetes), /unable to verify|self-signed/);
    const login = (secret: string) =>
      askDashboard(`${active}api/auth`, ca, { username: user, password: secret });
    assert.equal((await login(password)).code, 201);
    assert.equal((await login(`${password}x`)).code, 400);
  });

  it("writes and reads back", () => {
    assert.match(
      ceph("rados bench --pool kubernetes 3 write --no-cleanup -b 65536"),
      /Total writes made: +[1-9]/,
    );
    assert.match(ceph("rados bench --pool kubernetes 3 seq"), /Total reads made: +[1-9]/);
    ceph("rados --pool kubernetes cleanup");
  });

  it("reads and writes without one of its machines, and heals when that returns", async () => {
    ceph("rados --pool kubernetes put kept /etc/passwd");
    must("lab/node kill worker-01");
    try {
      await eventually(() => ceph("rados --pool kubernetes put written /etc/group"), 120);
      assert.equal(ceph("rados --pool kubernetes get kept -"), ceph("cat /etc/passwd"));
    } finally {
      must("lab/node start worker-01");
    }
    await eventually(isWhole, 120);
    await assertIsTheFile();
  });
});
