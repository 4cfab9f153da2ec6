import assert from "node:assert/strict";
import { CephCluster } from "./cephCluster";
import { assertIsTheFile, fileNodes } from "./expected";
import { eventually, must, on } from "./lab";

/** For a cluster whose machines were installed as SYSTEMS said (lab/nodes.sh): each system alone, or side by side. */
describe("a cluster on the systems that were asked for", function () {
  this.timeout(600_000);
  const [monitor] = fileNodes("ceph-mon");

  it("has each machine's", () => {
    for (const node of fileNodes()) {
      const asked = must(`(. lab/lib.sh; system_of ${node})`);
      assert.equal(on(node, ". /etc/os-release; echo $VERSION_CODENAME").stdout, asked, node);
    }
  });

  it("is the file's, and pods on every node can be used", () => assertIsTheFile());

  it("is healthy for make status, which knows when every certificate ends", async () => {
    const status = "npm run --silent status -- --file .lab/cluster.yaml";
    await eventually(() => must(status), 60);
    const { nodes } = JSON.parse(must(`${status} --json`)) as {
      nodes: { report?: { certificates?: { expires: string | null }[] } }[];
    };
    const certificates = nodes.flatMap(({ report }) => report?.certificates ?? []);
    assert.ok(certificates.length > 0);
    for (const { expires } of certificates) assert.ok(Date.parse(expires ?? "") > Date.now());
  });

  if (monitor === undefined) return;

  it("has a healthy Ceph with its dashboard, which gives back what it is given", async () => {
    const cluster = new CephCluster(monitor);
    const osds = fileNodes("ceph-osd").map((_, i) => i);
    await eventually(() => cluster.assertWhole(fileNodes("ceph-mon"), osds), 120);
    const { dashboard } = cluster.ask<{ dashboard: string }>("mgr services");
    cluster.run(`curl --silent --fail --insecure --output /dev/null ${dashboard}`);
    cluster.run("rados --pool kubernetes put kept /etc/os-release");
    assert.equal(
      cluster.run("rados --pool kubernetes get kept -"),
      on(monitor, "cat /etc/os-release").stdout,
    );
    cluster.run("rbd create kubernetes/kept --size 16M");
    assert.match(cluster.run("rbd ls kubernetes"), /^kept$/m);
  });
});
