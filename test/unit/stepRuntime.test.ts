import assert from "node:assert/strict";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";
import { stepOf, take } from "./furnish";

const dropIn = "etc/systemd/system/containerd.service.d/groundwork-version.conf";
const place = "usr/local/lib/groundwork/containerd-2.3.7";

describe("a node whose containerd the file names", function () {
  this.timeout(60_000);
  let single: Graph;
  let machine: FakeMachine;
  before(async () => {
    single = await recordSample("single");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, single, "node-01");
    machine.write("state/k8s.io.containers", "one\n");
  });
  afterEach(() => machine.close());

  const runs = (version: string) => machine.write("state/containerd", version);
  const prepare = (wanted = "2.3.7") => {
    const whole = stepOf(single, "node-01", "prepare").replace(
      "CONTAINERD_VERSION='2.3.7'",
      `CONTAINERD_VERSION='${wanted}'`,
    );
    return machine.run(
      replaced(whole, "/usr/bin/containerd --version", "echo containerd debian 1.7.24~ds1 7a"),
    );
  };

  it("has it beside what runs, which goes on", () => {
    for (const from of ["1.7.24~ds1", "2.2.1", "2.3.6", "2.3.7"]) {
      runs(from);
      const { status, stderr } = prepare();
      assert.equal(status, 0, stderr);
    }
    for (const name of ["containerd", "containerd-shim-runc-v2", "ctr"])
      assert.ok(machine.exists(`${place}/${name}`), name);
    assert.ok(machine.exists("usr/local/lib/groundwork/runc-1.5.3/runc"));
    assert.ok(!machine.exists(dropIn));
  });

  it("does not get it where upstream knows no way for its containers, and does where it has none", () => {
    for (const from of ["1.6.20~ds1", "2.0.4", "2.1.9"]) {
      runs(from);
      assertRefused(
        prepare(),
        /there is no way for the containers here from containerd [\d.]+ to 2\.3\.7: upstream/,
      );
    }
    machine.remove("state/k8s.io.containers");
    assert.equal(prepare().status, 0);
  });

  it("gets the distribution's back where that knows its containers, or there are none", () => {
    machine.write(dropIn, `[Service]\nExecStart=\nExecStart=/${place}/containerd\n`);
    runs("2.3.7");
    assertRefused(
      prepare(""),
      /containerd 1\.7\.24, the distribution's, cannot go on with the containers that 2\.3\.7 has/,
    );
    machine.remove("state/k8s.io.containers");
    assert.equal(prepare("").status, 0);
    machine.write("state/k8s.io.containers", "one\n");
    machine.write(dropIn, "# The distribution's\n");
    assert.equal(prepare("").status, 0);
  });

  it("keeps the programs that a shim was started with, and looks nowhere else that a pod names", () => {
    runs("2.3.7");
    const folder = "usr/local/lib/groundwork";
    const older = `${folder}/containerd-2.3.5`;
    const files = "var/lib/cluster-state/files";
    machine.write(`${older}/containerd-shim-runc-v2`, "2.3.5");
    const path = (...names: string[]) =>
      `PATH=${names.map((name) => `${machine.root}/${name}`).join(":")}:/usr/bin\0`;
    machine.write("proc/7/environ", `A=b\0${path(older, `${folder}/runc-1.4.0`)}`);
    machine.write("proc/8/environ", path(`${older}/../../../../..`, `${folder}/x-y/..`));
    machine.write(files, `${machine.root}/${older}/containerd-shim-runc-v2\n`);
    const looks = replaced(
      stepOf(single, "node-01", "prepare"),
      /^remove_unused_programs$/m,
      'runtime_programs | sed "s/^/looked at /"\nremove_unused_programs',
    );
    const { status, stdout, stderr } = machine.run(looks);
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      stdout.split("\n").filter((line) => line.startsWith("looked at")),
      [`looked at ${machine.root}/${older}/containerd-shim-runc-v2`],
    );
    machine.remove("proc/7");
    machine.write("var/lib/groundwork/artifacts/.placed", "");
    assert.equal(prepare().status, 0);
    assert.ok(!machine.exists(older));
  });

  it("gets back what ran before where another has not come up and the operator was killed, so that the file can take it back", () => {
    const another = `[Service]\nExecStart=\nExecStart=/${place}/containerd\n`;
    machine.write(dropIn, another);
    machine.write(
      `var/lib/groundwork/undo/kubelet${machine.root}/${dropIn}`,
      "# The distribution's\n",
    );
    runs("2.3.7");
    assert.equal(prepare().status, 0);
    assert.equal(machine.read(dropIn), another);
    machine.remove("state/containerd");
    const { status, stderr, calls } = prepare("");
    assert.equal(status, 0, stderr);
    assert.equal(machine.read(dropIn), "# The distribution's\n");
    assert.ok(calls.some((call) => call.includes("restart --no-block containerd.service")));
  });

  it("is not judged by silence", () => {
    assertRefused(prepare(), /containerd does not say which version it is/);
  });

  it("starts it in its kubelet's turn, goes back where it does not start, and not for another's failure", () => {
    runs("2.3.7");
    for (const step of ["prepare", "credentials"])
      assert.equal(machine.run(stepOf(single, "node-01", step)).status, 0);
    const kubelet = programOf(single, "node-01-kubelet");
    runs("1.7.24");
    const failed = machine.run(
      replaced(kubelet, /wait_for 60 "containerd/, 'wait_for 0 "containerd'),
    );
    assertRefused(failed, /containerd 2\.3\.7 did not start/);
    assert.equal(machine.read(dropIn), "# The distribution's\n");
    runs("2.3.7");
    const stays = machine.run(replaced(kubelet, /wait_for 120/, "wait_for 0"));
    assertRefused(stays, /the node was not Ready/);
    assert.ok(machine.read(dropIn).includes(`/${place}/containerd\n`));
    const at = (call: string) => stays.calls.findIndex((line) => line.includes(call));
    assert.ok(at("restart --no-block containerd.service") < at("start --no-block kubelet.service"));
  });
});
