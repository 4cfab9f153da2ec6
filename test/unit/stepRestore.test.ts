import assert from "node:assert/strict";
import { join } from "node:path";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf } from "./fakeMachine";
import { take } from "./furnish";

const snapshot = "var/lib/snapshots/etcd-1.db";

describe("the step that makes etcd's data of a snapshot", function () {
  this.timeout(60_000);
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("restore");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, graph, "master-02");
    machine.write("state/down", "127.0.0.1\n10.0.0.11\n10.0.0.12\n10.0.0.13\n");
    machine.write(snapshot, "a snapshot");
    free(1e9);
  });
  afterEach(() => machine.close());

  /** What stands for etcdutl makes the data's folder, and says this. */
  const etcdutl = (ending: string) =>
    machine.write(
      "bin/etcdutl",
      '#!/bin/sh\ncp "$3" "$FAKE_ROOT/state/read"; mkdir -p "$5/member"; ' + ending,
      0o755,
    );
  const free = (bytes: number) => {
    machine.remove("bin/df");
    machine.write("bin/df", `#!/bin/sh\necho avail; echo ${bytes}\n`, 0o755);
  };
  const check = () =>
    machine.run(
      programOf(graph, "etcd-restore-2-check", { SNAPSHOT: join(machine.root, snapshot) }),
    );

  it("leaves it where the restore finds it, and the snapshot's copy does not stay", () => {
    etcdutl("true");
    const { status, stderr } = check();
    assert.equal(status, 0, stderr);
    assert.equal(machine.read("state/read"), "a snapshot");
    assert.ok(machine.exists("var/lib/etcd/restore-2/member"));
    assert.ok(!machine.exists("var/lib/etcd/restore-2.db"));
  });

  it("leaves nothing where it fails, as etcd may live on that disk", () => {
    etcdutl("echo no space left on device; exit 1");
    assertRefused(check(), /is no whole snapshot of etcd: no space left .*nothing was stopped/);
    machine.remove(snapshot);
    machine.write(`${snapshot}/is/a`, "folder");
    assertRefused(check(), /cannot be unpacked: .*; nothing was stopped/);
    for (const left of ["restore-2", "restore-2.db"])
      assert.ok(!machine.exists(`var/lib/etcd/${left}`), left);
  });

  it("does not fill the disk that etcd may live on", () => {
    etcdutl("true");
    free(2 ** 28 + 6);
    assertRefused(check(), /etcd-1\.db has no room on the disk.*; nothing was stopped/);
    for (const left of ["restore-2", "restore-2.db"])
      assert.ok(!machine.exists(`var/lib/etcd/${left}`), left);
  });

  it("is undone where the restore is not done: what was stopped runs again, and its data goes", () => {
    etcdutl("true");
    check();
    for (const unit of ["etcd", "kube-apiserver"])
      machine.write(`etc/systemd/system/${unit}.service`, "[Service]\n");
    const halt = programOf(graph, "etcd-restore-master-02-halt");
    const halted = machine.run(halt);
    assert.equal(halted.status, 0, halted.stderr);
    machine.write("var/lib/groundwork/snapshots/restore-2.db.zst", "brought");
    const { status, calls, stderr } = machine.run(halt, "delete");
    assert.equal(status, 0, stderr);
    assert.equal(calls.filter((call) => call.startsWith("systemctl start ")).length, 2);
    for (const left of [
      "etcd/restore-2",
      "cluster-state/halted",
      "groundwork/snapshots/restore-2.db.zst",
    ])
      assert.ok(!machine.exists(`var/lib/${left}`), left);
  });
});
