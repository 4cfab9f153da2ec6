import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { servicePath } from "../../config/artifacts";
import { type Graph, sampleFsid } from "../graph/record";
import { recordSample } from "../graph/samples";
import { version, versionsAt } from "./clusterSample";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";
import { stepOf, take } from "./furnish";

describe("a step on a machine refuses", () => {
  let small: Graph;
  let ceph: Graph;
  let lost: Graph;
  let machine: FakeMachine;
  before(async () => {
    small = await recordSample("small");
    ceph = await recordSample("ceph");
    lost = await recordSample("lost");
  });
  beforeEach(() => {
    machine = new FakeMachine();
  });
  afterEach(() => machine.close());

  const hold = (node: string) => machine.lock("uuid-of-cluster-id", node);

  it("a machine that another operator took a moment ago, and leaves it to him", () => {
    machine.lock("another-cluster", "master-01");
    const held = machine.snapshot();
    // It looked when nobody had the machine yet.
    const late = replaced(
      programOf(small, "master-01-claim"),
      "check_lock || take_lock",
      "take_lock",
    );
    assertRefused(machine.run(late), /belongs to cluster 'of another-cluster'/);
    assert.deepEqual(machine.snapshot(), held, "what it made lies about, or a note of his is gone");
  });

  it("to begin a second cluster where members do not answer", () => {
    hold("master-02");
    machine.write("state/down", "10.0.0.11\n10.0.0.13\n10.0.0.12\n");
    const outcome = machine.run(programOf(small, "master-02-etcd"));
    assertRefused(outcome, /no other master's etcd answers/);
    assert.ok(!machine.exists("state/units/etcd.service.active"), "etcd was started");
  });

  it("to have apt remove what others installed, and names it", () => {
    take(machine, small, "worker-01");
    machine.write("state/missing", "containerd\nrunc\n");
    machine.write("state/would", "");
    const outcome = machine.run(stepOf(small, "worker-01", "prepare"));
    assertRefused(
      outcome,
      /apt would remove containerd\.io docker-ce to install containerd runc\s+what to do: .*; nothing was installed/,
    );
    assert.match(outcome.calls.join("\n"), /^apt-get .* install .*--no-remove containerd runc$/m);
    assert.ok(!machine.exists("usr/sbin/policy-rc.d"));
  });

  it("to go on with swap that cannot be switched off", () => {
    take(machine, small, "worker-01");
    machine.write("proc/swaps", "Filename Type\n/dev/sda3 partition\n");
    machine.write("state/full-memory", "");
    const prepare = replaced(stepOf(small, "worker-01", "prepare"), "FIX=''", "FIX='swap'");
    assertRefused(machine.run(prepare), /swap on \/dev\/sda3 cannot be switched off/);
  });

  it("to replace a program of Kubernetes that runs by another of the same version, and replaces none", () => {
    take(machine, small, "worker-01");
    const prepare = stepOf(small, "worker-01", "prepare");
    const [flanneld = "", kubelet = ""] = ["flanneld", "kubelet"].map((name) =>
      servicePath(name, versionsAt()).slice(1),
    );
    machine.write(kubelet, "another");
    machine.write(flanneld, "older");
    machine.write("state/units/kubelet.service.active", "");
    const outcome = machine.run(prepare);
    assertRefused(outcome, /kubelet runs here, and the file asks for another of the same version/);
    assert.match(
      outcome.stderr,
      /set its checksum in cluster\.artifacts\.sha256 to that of what runs/,
    );
    assert.equal(machine.read(flanneld), "older");
    // Nobody's work is disturbed where it does not run yet, and other programs start anew by themselves.
    machine.remove("state/units/kubelet.service.active");
    assert.equal(machine.run(prepare).status, 0);
    assert.equal(machine.read(kubelet), "kubelet");
    assert.equal(machine.read(flanneld), "flanneld");
  });

  it("to forget a machine that lives, or without a quorum", () => {
    const forget = programOf(lost, "master-01-forget", { SILENT_WITHIN: "0" });
    hold("master-02");
    machine.write("var/lib/etcd/member/data", "");
    assertRefused(machine.run(forget), /etcd has no quorum/);
    machine.write("state/units/etcd.service.active", "");
    machine.write("state/members", "1, started, master-01, https://10.0.0.11:2380, , false\n");
    assertRefused(machine.run(forget), /the etcd member of master-01 .* answers/);
    machine.write("state/down", "10.0.0.11\n");
    machine.write("var/lib/cluster-state/cluster-joined", "");
    const node = { status: { conditions: [{ type: "Ready", status: "True" }] } };
    machine.write("state/api/api_v1_nodes_master-01", JSON.stringify(node));
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
    assertRefused(machine.run(forget), /master-01 is Ready in Kubernetes/);
    assert.ok(machine.exists("state/api/api_v1_nodes_master-01"));
  });

  it("to call a node Ready that is not, or that nobody can ask for logs", () => {
    hold("master-01");
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
    const nodeInfo = { kubeletVersion: `v${version}` };
    const node = (status: string) =>
      machine.write(
        "state/api/api_v1_nodes_worker-01",
        JSON.stringify({ status: { nodeInfo, conditions: [{ type: "Ready", status }] } }),
      );
    const admit = programOf(small, "worker-01-admit", { READY_WITHIN: "0" });
    node("False");
    assertRefused(machine.run(admit), /worker-01 was not Ready and serving within 0 s/);
    node("True");
    machine.write("state/unserving", "");
    assertRefused(machine.run(admit), /worker-01 was not Ready and serving within 0 s/);
    take(machine, small, "worker-01");
    node("Unknown");
    assert.equal(machine.run(programOf(small, "worker-01-credentials")).status, 0);
    const kubelet = replaced(programOf(small, "worker-01-kubelet"), "wait_for 120", "wait_for 0");
    assertRefused(
      machine.run(kubelet),
      /the node was not Ready with Kubernetes 1\.36\.3 within 120 s/,
    );
    assert.ok(!machine.exists("var/lib/cluster-state/cluster-joined"));
  });

  it("a level of Pod Security by which pods that run would not come back, before it changes anything", () => {
    hold("master-01");
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
    machine.write("state/version", version);
    const program = programOf(small, "master-01-control-plane");
    machine.write("state/units/kube-apiserver.service.active", "2026-01-01 00:00:00 UTC\n");
    machine.write("state/namespaces", "namespace/default\nnamespace/kube-system\n");
    machine.write(
      "state/warnings",
      'Warning: existing pods in namespace "default" violate the new PodSecurity enforce level "baseline:latest"\nWarning: exporter: host namespaces\nnamespace/default labeled (server dry run)\n',
    );
    machine.write("etc/kubernetes/kubelet.conf", "");
    const before = machine.snapshot();
    const outcome = machine.run(program);
    assertRefused(
      outcome,
      /Pod Security 'baseline' would not let these in again .*namespace "default" .* exporter: host namespaces\n/,
    );
    assert.match(outcome.stderr, /what to do: .*exempt_namespaces.*enforce: privileged/);
    assert.doesNotMatch(outcome.stderr, /labeled/);
    assert.deepEqual(machine.snapshot(), before);
    const [asked = ""] = outcome.calls.filter((call) => call.startsWith("kubectl label"));
    assert.doesNotMatch(asked, /kube-system/, "it asks about what is exempt");

    machine.write("state/overloaded", "namespaces\n");
    assertRefused(machine.run(program), /Kubernetes does not say which namespaces there are/);
    machine.remove("etc/kubernetes/kubelet.conf");
    const joining = machine.run(program);
    assert.equal(joining.status, 0, joining.stderr);
    assert.ok(!joining.calls.some((call) => call.startsWith("kubectl get namespaces")));
    machine.write("etc/kubernetes/kubelet.conf", "");
    machine.remove("state/overloaded");
    machine.remove("var/lib/cluster-state/pod-security");

    // Once it is in force, nobody asks again.
    machine.write("state/warnings", "");
    assert.equal(machine.run(program).status, 0);
    machine.write("state/warnings", "Warning: late: privileged\n");
    assert.equal(machine.run(program).status, 0);
  });

  it("to wait for a service that falls again and again", () => {
    take(machine, small, "worker-01");
    machine.remove("state/api/api_v1_nodes_worker-01");
    machine.write("state/falls", "");
    machine.run(programOf(small, "worker-01-credentials"));
    const kubelet = programOf(small, "worker-01-kubelet");
    assertRefused(
      machine.run(kubelet.replaceAll(/look=\$\(\((start|SECONDS) \+ \d+\)\)/g, "look=0")),
      /the node was not Ready with Kubernetes 1\.36\.3: a service ends as soon as it is started/,
    );
  });

  it("to go on with a certificate request that was denied, and asks with another key", () => {
    take(machine, small, "worker-01");
    machine.write("state/denied", "");
    machine.run(programOf(small, "worker-01-credentials"));
    const outcome = machine.run(programOf(small, "worker-01-kubelet"));
    assertRefused(outcome, /the request node-csr-\w+ was refused: not that one/);
    assert.ok(!machine.exists("run/groundwork/kubelet.key"), "it would ask the same again");
  });

  const map = { osds: [{ osd: 7, uuid: "of-another", state: ["exists"], up: 1 }] };
  for (const [what, label, content, says] of [
    ["holds data", undefined, "data", /is not blank: it holds data of unknown kind/],
    [
      "is another cluster's",
      { ceph_fsid: "theirs", osd_uuid: "u" },
      "",
      /an OSD of Ceph cluster theirs/,
    ],
    [
      "is another OSD",
      { ceph_fsid: sampleFsid, osd_uuid: "of-another" },
      "",
      /is osd\.7 of this cluster already/,
    ],
  ] as const) {
    it(`a device that ${what}, and writes nothing to it`, () => {
      hold("worker-01");
      const device = `${machine.root}/var/lib/osd.img`;
      machine.write("var/lib/osd.img", content);
      machine.write("state/ceph/osd dump", JSON.stringify(map));
      if (label) machine.write("state/label", JSON.stringify({ [device]: label }));
      const step = "ceph-worker-01-osd-wwn-0x5000c500a1b2c3d3";
      const vars = { DEVICE: device, BACKEND: "file" };
      const outcome = machine.run(programOf(ceph, step, vars));
      assertRefused(outcome, says);
      assert.equal(machine.read("var/lib/osd.img"), content);
      assert.ok(!outcome.calls.some((call) => /osd new|mkfs|wipefs .*--all/.test(call)));
    });
  }

  it("a download that is not what was asked for, or is not there, and installs nothing", () => {
    hold("worker-01");
    const sum = (text: string) => createHash("sha256").update(text).digest("hex");
    const line = (text: string) => `${sum(text)} https://mirror/${text} /usr/local/bin/${text}`;
    const prepare = (...texts: readonly string[]) =>
      machine.run(programOf(small, "worker-01-prepare", { ARTIFACTS: texts.map(line).join("\n") }));
    const stored = () => readdirSync(join(machine.root, "var/lib/groundwork/artifacts"));
    machine.write("state/mirror", "good");
    machine.write("state/gone", "https://mirror/gone");
    assertRefused(prepare("good", "gone"), /could not download https:\/\/mirror\/gone: /);
    assert.deepEqual(stored(), [sum("good")], "what came is kept, and nothing else");
    const evil = new RegExp(`evil is not .* its SHA-256 is ${sum("good")}, .* says ${sum("evil")}`);
    assertRefused(prepare("good", "evil"), evil);
    assert.deepEqual(stored(), [sum("good")]);
    assert.ok(!machine.exists("usr/local/bin/good"));
    const good = prepare("good");
    assert.ok(machine.exists("usr/local/bin/good"), good.stderr);
    assert.equal(machine.read("usr/local/bin/good"), "good");
  });

  it("credentials where the clock lags behind the authority's first day", () => {
    hold("worker-01");
    machine.write("state/not-before", "Jan  1 00:00:00 2200 GMT");
    assertRefused(machine.run(programOf(small, "worker-01-credentials")), /clock lags/);
  });
});
