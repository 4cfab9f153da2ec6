import assert from "node:assert/strict";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { FakeMachine, programOf } from "./fakeMachine";
import { clusterId, furnish, stepOf, take } from "./furnish";

const folder = "var/lib/cluster-state/steps";

describe("what a machine notes of its steps", function () {
  this.timeout(120_000);
  let small: Graph;
  let machine: FakeMachine;
  before(async () => {
    small = await recordSample("small");
  });
  beforeEach(() => {
    machine = new FakeMachine();
  });
  afterEach(() => machine.close());

  const done = (program: string, command: "create" | "delete" = "create") => {
    const { status, stderr } = machine.run(program, command);
    assert.equal(status, 0, stderr);
  };
  const note = (step: string) => machine.read(`${folder}/${step}`);
  const claim = (vars = {}) => programOf(small, "worker-01-claim", vars);

  it("is when each was done, and in which life of the machine, as soon as it is claimed", () => {
    furnish(machine, small, "worker-01");
    done(claim());
    assert.match(
      note("claim"),
      /^at=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\nidentity=uuid-of-worker-01-identity\n$/,
    );
    for (const step of ["prepare", "credentials", "kubelet"]) {
      assert.ok(!machine.exists(`${folder}/${step}`), `${step} is noted before it runs`);
      done(stepOf(small, "worker-01", step));
      assert.match(note(step), /^identity=uuid-of-worker-01-identity$/m);
    }
  });

  it("stays where nothing changed, and is another in another life, though nothing changed", () => {
    furnish(machine, small, "worker-01");
    done(claim());
    machine.write(`${folder}/claim`, note("claim").replace(/^at=.*/, "at=2026-01-01T00:00:00Z"));
    done(claim());
    assert.match(note("claim"), /^at=2026-01-01/);
    done(claim({ IDENTITY: "another" }));
    assert.match(note("claim"), /^at=(?!2026-01-01T).*\nidentity=another\n$/);
  });

  it("is what an up did: neither what is run by hand, nor what a master does for another node", () => {
    take(machine, small, "master-01");
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
    const { status, stderr } = machine.run(programOf(small, "worker-01-admit"), "delete");
    assert.equal(status, 0, stderr);
    done(stepOf(small, "master-01", "prepare").replace(/^IDENTITY=.*$/m, ""));
    assert.ok(!machine.exists(folder), "it notes more than its own up");
  });

  it("is not a step that failed, but what was there before it", () => {
    take(machine, small, "worker-01");
    const credentials = stepOf(small, "worker-01", "credentials");
    done(credentials);
    const former = note("credentials");
    machine.write("etc/kubernetes/kube-proxy.conf", "another's");
    machine.write("state/full", "");
    assert.equal(machine.run(credentials.replaceAll("uuid-of", "new-uuid-of")).status, 1);
    assert.equal(note("credentials"), former);
  });

  it("goes with what is undone: a step of its own, and all of them with the claim", () => {
    take(machine, small, "master-02");
    for (const step of ["claim", "etcd"])
      machine.write(`${folder}/${step}`, "at=2026-01-01T00:00:00Z\nidentity=x\n");
    done(programOf(small, "master-02-etcd"), "delete");
    assert.deepEqual(
      [machine.exists(`${folder}/etcd`), machine.exists(`${folder}/claim`)],
      [false, true],
    );
    done(programOf(small, "master-02-claim"), "delete");
    assert.ok(!machine.exists(folder));
  });

  it("names each device that is an OSD, and goes with Ceph as a whole", async () => {
    const single = await recordSample("single");
    machine.lock(clusterId, "node-01");
    const osd = "ceph-osd-var-lib-osd-disk.img";
    const names = ["kubelet", "ceph-host", "ceph-mon", osd, "ceph-osd-sdb"];
    for (const step of names) machine.write(`${folder}/${step}`, "x");
    done(programOf(single, "ceph-node-01-osd-var-lib-osd-disk.img"), "delete");
    const left = () => names.filter((name) => machine.exists(`${folder}/${name}`));
    assert.deepEqual(
      left(),
      names.filter((name) => name !== osd),
    );
    done(programOf(single, "ceph-node-01-host"), "delete");
    assert.deepEqual(left(), ["kubelet"]);
  });
});
