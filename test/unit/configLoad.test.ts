import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { RunError } from "@pulumi/pulumi/errors";
import { ClusterConfigError } from "../../config/issues";
import { loadCluster } from "../../config/load";
import { inFolder, problemsOf, sampleFile, withValue } from "./clusterSample";

/** The message a file of this text is refused with; the file is called `cluster.yaml`. */
function messageFor(text: string): string {
  return inFolder((folder) => {
    const path = join(folder, "cluster.yaml");
    writeFileSync(path, text);
    try {
      loadCluster(path);
    } catch (error) {
      assert.ok(error instanceof ClusterConfigError, String(error));
      return error.message.replace(`${folder}/`, "");
    }
    assert.fail("the file was accepted");
  });
}

describe("loading a cluster file", () => {
  it("names a file that is not there", () => {
    assert.throws(() => loadCluster("/nowhere/cluster.yaml"), {
      name: "ClusterConfigError",
      message:
        "/nowhere/cluster.yaml has one problem:\n  there is no such file; write one (docs/cluster-yaml.md), or name another with `pulumi config set clusterFile`",
    });
  });

  it("gives line and column of every error in the YAML", () => {
    assert.equal(
      messageFor("cluster:\n  name: a\n  name: b\nnodes: [\n"),
      "cluster.yaml has 2 problems:\n" +
        "  line 3, column 3: Map keys must be unique; mend the YAML there\n" +
        "  line 5, column 1: Flow sequence in block collection must be sufficiently indented and end with a ]; mend the YAML there",
    );
  });

  it("names an alias without anchor", () => {
    assert.equal(
      messageFor("nodes: *all\n"),
      "cluster.yaml has one problem:\n  *all names no anchor above it; write &all before the value it stands for",
    );
  });

  it("says that a file is empty", () => {
    assert.equal(
      messageFor("# nothing yet\n"),
      "cluster.yaml has one problem:\n  it is empty; docs/cluster-yaml.md says what belongs in it",
    );
  });

  it("says that a file is no mapping", () => {
    assert.equal(
      messageFor("- name: master-01\n"),
      "cluster.yaml has one problem:\n  a list is not a mapping; give the mapping with the keys cluster, groups and nodes",
    );
  });

  it("reports everything at once, in the order of the file: single values and what they make together", () => {
    const file = [
      [["cluster", "networking", "service_cidr"], "10.244.0.0/24"],
      [["nodes", 0, "ip"], "10.0.0.300"],
      [["nodes", 1, "name"], "worker-02"],
      [["nodes", 2, "roles", 1], "ceph-man"],
      [["nodes", 2, "rolls"], []],
    ].reduce(
      (file, [path, value]) => withValue(file, path as (string | number)[], value),
      sampleFile(),
    );
    assert.deepEqual(
      problemsOf(file).map((line) => line.split(";")[0]),
      [
        "cluster.networking.service_cidr: 10.244.0.0/24 overlaps with the pod network 10.244.0.0/16",
        "nodes[0].ip: 10.0.0.300 is not an IPv4 address",
        "nodes[2].name: worker-02 is already the name of nodes[1] (worker-02)",
        "nodes[2].roles[1]: ceph-man is not one of master, control-plane, worker, ceph-mon, ceph-osd",
        "nodes[2].rolls: rolls is not known here",
      ],
    );
  });

  it("prints no stack trace under Pulumi", () => {
    assert.ok(RunError.isInstance(new ClusterConfigError("cluster.yaml", [])));
  });
});
