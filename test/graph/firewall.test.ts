import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { hostKey } from "../unit/clusterSample";
import { recordFile } from "./nodes";
import { closure, type Graph } from "./record";
import { recordSample, sampleFile } from "./samples";
import { named } from "./select";

interface ClusterFile {
  cluster: { networking: { firewall: object } };
  nodes: object[];
}

const sample = () => parse(readFileSync(sampleFile("walled"), "utf8")) as ClusterFile;

const more = [
  { name: "master-00", ip: "10.0.0.10", roles: ["master"], host_key: hostKey(50) },
  { name: "worker-02", ip: "10.0.0.22", roles: ["worker"], host_key: hostKey(51) },
  {
    name: "store-02",
    ip: "10.0.0.32",
    roles: ["ceph-osd"],
    host_key: hostKey(52),
    storage: { devices: [{ path: "/dev/disk/by-id/wwn-0x5000c500a1b2c3d9" }] },
  },
];
const former = ["master-01", "worker-01", "store-01"];

describe("the firewall of a cluster's nodes", () => {
  let was: Graph;
  let after: Graph;
  const waits = (step: string, other: string) =>
    closure(after, named(after, step).urn).has(named(after, other).urn);
  before(async () => {
    was = await recordSample("walled");
    const file = sample();
    after = await recordFile({ ...file, nodes: [...file.nodes, ...more] }, { before: was });
  });

  /** The first step by which something listens on a node. */
  const first = (node: string) =>
    node === "store-01" ? `ceph-${node}-host` : `${node}-credentials`;

  it("is there before anything listens", () => {
    for (const node of former)
      assert.ok(waits(first(node), `${node}-firewall`), `${first(node)} of ${node}`);
  });

  it("lets nodes that come in everywhere, before they come to anybody", () => {
    const comes = ["master-00-etcd", "worker-02-kubelet", "ceph-store-02-host", "edge-01-declare"];
    for (const step of comes)
      for (const node of former) assert.ok(waits(step, `${node}-firewall`), `${step}, ${node}`);
  });

  it("keeps nobody waiting who is not there yet", () => {
    for (const node of former)
      for (const { name } of more)
        assert.ok(!waits(`${node}-firewall`, `${name}-firewall`), `${node}, ${name}`);
    assert.ok(!waits("worker-01-kubelet", "worker-02-firewall"));
  });

  it("is no step where the file has none", async () => {
    const file = sample();
    file.cluster.networking.firewall = { enabled: false, trusted: ["10.9.0.0/24"] };
    const { resources } = await recordFile(file, { before: was });
    assert.deepEqual(
      resources.filter(({ name }) => name.endsWith("-firewall")),
      [],
    );
  });
});
