import assert from "node:assert/strict";
import { mkdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { servicePath } from "../../config/artifacts";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { versionsAt } from "./clusterSample";
import { assertRefused, FakeMachine, replaced } from "./fakeMachine";
import { stepOf, take } from "./furnish";

const unit = "etc/systemd/system/etcd.service";
const wanted = servicePath("etcd", versionsAt());
const older = wanted.replace("3.6.16", "3.6.15");

describe("a master whose etcd lies elsewhere", function () {
  this.timeout(60_000);
  let small: Graph;
  let machine: FakeMachine;
  before(async () => {
    small = await recordSample("small");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, small, "master-01");
    machine.write("state/down", "");
    machine.write("state/members", "1, started, master-01, https://10.0.0.11:2380, , false\n");
    for (const step of ["prepare", "credentials"])
      assert.equal(machine.run(stepOf(small, "master-01", step)).status, 0);
    mkdirSync(join(machine.root, "var/lib/etcd/member"), { recursive: true });
    assert.equal(machine.run(stepOf(small, "master-01", "etcd")).status, 0);
  });
  afterEach(() => machine.close());

  const longAgo = new Date("2026-01-01T00:00:00Z");
  const timeOf = (path: string) => statSync(join(machine.root, path)).mtime;
  /** Its unit names this program, as an earlier `up` installed it. */
  const ran = (program: string, content: string) => {
    machine.write(program.slice(1), content);
    machine.write(
      "var/lib/cluster-state/files",
      `${machine.read("var/lib/cluster-state/files")}${join(machine.root, program)}\n`,
    );
    machine.write(unit, machine.read(unit).replace(wanted, program));
    utimesSync(join(machine.root, unit), longAgo, longAgo);
  };

  it("goes on with the same program, and the former place is empty", () => {
    ran("/usr/local/bin/etcd", machine.read(wanted.slice(1)));
    const { status, stderr } = machine.run(stepOf(small, "master-01", "etcd"));
    assert.equal(status, 0, stderr);
    assert.ok(machine.read(unit).includes(wanted));
    assert.deepEqual(timeOf(unit), longAgo, "what is newer than a service restarts it");
    assert.ok(!machine.exists("usr/local/bin/etcd"));
  });

  it("gets another program by a restart, and what else changes with it", () => {
    ran(older, "etcd 3.6.15");
    const log = machine.run(stepOf(small, "master-01", "etcd"));
    assert.equal(log.status, 0, log.stderr);
    assert.notDeepEqual(timeOf(unit), longAgo);
    assert.ok(!machine.exists(older.slice(1, older.lastIndexOf("/"))), "its folder is there");
    ran("/usr/local/bin/etcd", machine.read(wanted.slice(1)));
    machine.write(unit, machine.read(unit).replace("snapshot-count=10000", "snapshot-count=5"));
    assert.equal(machine.run(stepOf(small, "master-01", "etcd")).status, 0);
    assert.notDeepEqual(timeOf(unit), longAgo);
  });

  it("goes back to the former where the new one does not come up, and keeps it", () => {
    ran(older, "etcd 3.6.15");
    machine.write("state/down", "127.0.0.1\n");
    const etcd = replaced(stepOf(small, "master-01", "etcd"), /wait_for 60/g, "wait_for 0");
    assertRefused(machine.run(etcd), /etcd did not start within 60 s/);
    assert.ok(machine.read(unit).includes(older));
    assert.ok(machine.exists(older.slice(1)));
  });
});
