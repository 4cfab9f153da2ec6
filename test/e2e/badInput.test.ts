import assert from "node:assert/strict";
import { type Document, type YAMLMap } from "yaml";
import { editCluster, must, on, up } from "./lab";

/** Sets a field of a node of the cluster file. */
function setNode(file: Document, name: string, field: string, value: unknown): void {
  const nodes = file.get("nodes") as { items: YAMLMap[] };
  nodes.items.find((node) => node.get("name") === name)?.set(field, value);
}

/** What `up` says to a cluster file that was edited; the file is put back. */
function upWith(edit: (file: Document) => void): string {
  const restore = editCluster(edit);
  try {
    const result = up();
    assert.notEqual(result.status, 0, "up succeeded");
    assert.doesNotMatch(
      result.output,
      /^\s+at .*\.(ts|js):\d+/m,
      "a stack trace for a user's mistake",
    );
    return result.output;
  } finally {
    restore();
  }
}

const bornAnywhere = () =>
  ["master-01", "master-02", "master-03"].some(
    (node) => on(node, "test -d /var/lib/etcd/member").status === 0,
  );

describe("a first up that cannot succeed", function () {
  this.timeout(300_000);
  before(() => must("pulumi stack select dev --create"));
  afterEach(() => assert.ok(!bornAnywhere(), "etcd was born in spite of the error"));

  it("refuses two nodes with one address, before anything runs", () => {
    const output = upWith((file) => setNode(file, "worker-02", "ip", "10.77.0.21"));
    assert.match(output, /worker-01/);
    assert.match(output, /worker-02|nodes\[4\]/);
    assert.match(output, /10\.77\.0\.21/);
  });

  it("refuses a machine that another cluster holds, with both names", () => {
    const lock = [
      "cluster_id=11111111-2222-3333-4444-555555555555",
      "cluster_name=other",
      "node=db-01",
      "stack=other/prod",
      "since=2026-01-02T03:04:05Z",
    ].join("\n");
    on(
      "master-02",
      `mkdir /var/lib/cluster-state && cat >/var/lib/cluster-state/lock <<END\n${lock}\nEND`,
    );
    try {
      const output = upWith(() => undefined);
      assert.match(
        output,
        /master-02 \(10\.77\.0\.12\): the machine belongs to cluster 'other' .* as 'db-01' since 2026-01-02T03:04:05Z/,
      );
      assert.match(output, /this is cluster 'lab'/);
      assert.match(output, /what to do: remove it from that cluster first/);
    } finally {
      on("master-02", "rm -r /var/lib/cluster-state");
    }
  });

  it("stops at a wrong host key, and says what to compare", () => {
    const other = must("cut -d' ' -f1,2 .lab/ssh/id_ed25519.pub").trim();
    const output = upWith((file) => setNode(file, "worker-01", "host_key", other));
    assert.match(
      output,
      /worker-01 \(10\.77\.0\.21\) shows another host key than the one in the file/,
    );
    assert.match(output, /put it into worker-01's host_key/);
  });

  it("gives up an unreachable machine within a minute, and names it", () => {
    must("lab/node kill worker-02");
    try {
      const began = Date.now();
      // Its earlier steps are done; a new generation makes them run again.
      const output = upWith((file) => setNode(file, "worker-02", "generation", 2));
      assert.ok(Date.now() - began < 60_000, "it took longer than a minute");
      assert.match(output, /worker-02 \(10\.77\.0\.22:22\) does not answer over SSH/);
    } finally {
      must("lab/node start worker-02");
    }
  });

  it("installs nothing of a download that is not what the file says", () => {
    const path = [
      "cluster",
      "artifacts",
      "sha256",
      "github.com/flannel-io/flannel/releases/download/v0.28.4/flanneld-amd64",
    ];
    const output = upWith((file) => file.setIn(path, "0".repeat(64)));
    assert.match(
      output,
      /flanneld-amd64 is not what was asked for: its SHA-256 is [0-9a-f]{64}, the file says 0{64}/,
    );
    assert.match(output, /what to do: repair the mirror, or cluster\.artifacts\.sha256/);
  });
});
