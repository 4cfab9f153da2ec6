import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine } from "./fakeMachine";
import { furnish, stepOf } from "./furnish";

describe("a machine that leaves the cluster", function () {
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

  /** What was on the machine before: some of it the cluster replaces, some of it is nobody's business. */
  const former = {
    "etc/hostname": "mine\n",
    "etc/containerd/config.toml": "my own settings",
    "etc/kubernetes/mine.conf": "mine",
    "usr/local/bin/kubelet": "my own kubelet",
    "opt/cni/bin/mine": "mine",
  };
  const files = () => machine.snapshot().filter((line) => !/^state\b/.test(line));

  for (const [node, ip, steps] of [
    ["worker-01", "10.0.0.21", ["claim", "prepare", "credentials", "kubelet"]],
    ["master-01", "10.0.0.11", ["claim", "prepare", "credentials", "genesis", "control-plane"]],
  ] as const) {
    it(`is as it was, whatever was done to it: ${node}`, () => {
      for (const [path, content] of Object.entries(former)) machine.write(path, content, 0o640);
      machine.write("etc/hosts", `127.0.0.1 localhost\n10.9.9.8 ${node}\n10.9.9.9 printer\n`);
      machine.write("state/missing", "conntrack\nsocat\n");
      const before = files();
      furnish(machine, small, node);
      for (const step of steps) {
        const { status, stderr } = machine.run(stepOf(small, node, step));
        assert.equal(status, 0, `${step}.sh: ${stderr}`);
      }
      const hosts = ["127.0.0.1 localhost", "10.9.9.9 printer", `${ip} ${node}`, ""];
      assert.deepEqual(machine.read("etc/hosts").split("\n"), hosts, "steps/claim/claim.sh");
      // Somebody else's since then, in a folder that the cluster made.
      machine.write("etc/sysctl.d/99-mine.conf", "mine");
      machine.write("state/listed", "ceph-osd@9.service loaded active running\n");
      // What pods and the probe of their network leave behind.
      machine.write("var/lib/cni/networks/flannel/10.244.1.2", "sandbox");
      machine.write("run/netns/groundwork-probe", "");
      machine.write("run/netns/mine", "");
      const claim = stepOf(small, node, "claim");
      const { status, stdout, stderr, calls } = machine.run(claim, "delete");
      assert.equal(status, 0, `steps/claim/reset.sh: ${stderr}`);
      assert.equal(stdout, "reset");
      assert.equal(machine.read("etc/sysctl.d/99-mine.conf"), "mine", "steps/claim/reset.sh");
      machine.remove("etc/sysctl.d");
      assert.deepEqual(files(), before, "steps/claim/reset.sh leaves something, or takes too much");
      assert.ok(!machine.exists("run/groundwork"), "steps/claim/reset.sh leaves its own folder");
      assert.ok(
        !machine.exists("run/netns/groundwork-probe"),
        "steps/claim/reset.sh leaves the probe",
      );
      assert.ok(
        machine.exists("run/netns/mine"),
        "steps/claim/reset.sh takes somebody's namespace",
      );
      const purges = calls.filter((call) => /^apt-get .*(purge|remove)/.test(call));
      assert.deepEqual(purges, ["apt-get -q -y purge conntrack socat"]);
      const users = calls.filter((call) => call.startsWith("userdel "));
      assert.deepEqual(users, node === "master-01" ? ["userdel etcd"] : []);
      const stops = calls.filter((call) => /^systemctl (disable|stop|kill)/.test(call)).join(" ");
      const units = node === "master-01" ? ["etcd", "kube-apiserver"] : ["kubelet", "flanneld"];
      for (const unit of [...units, "containerd"])
        assert.match(
          stops,
          new RegExp(` ${unit}\\.service`),
          `steps/claim/reset.sh leaves ${unit}`,
        );
      const foreign = node === "master-01" ? / kube-api-proxy\.service/ : / etcd\.service/;
      assert.doesNotMatch(
        stops,
        foreign,
        "steps/claim/reset.sh stops what is not there, and fails",
      );
      assert.ok(calls.includes("systemctl daemon-reload"), "systemd knows units that are gone");
      assert.doesNotMatch(stops, /ceph/, "steps/claim/reset.sh stops a Ceph that is not ours");
      const again = machine.run(claim, "delete");
      assert.equal(again.status, 0, again.stderr);
      assert.deepEqual(again.calls, [], "steps/claim/reset.sh acts on a machine of no cluster");
    });
  }

  it("has what undoes its claim from then on, for root alone", () => {
    furnish(machine, small, "worker-01");
    machine.write("run/groundwork/in/worker-01-claim/reset.sh-0123", "undoes\n", 0o600);
    const { status, stderr } = machine.run(stepOf(small, "worker-01", "claim"));
    assert.equal(status, 0, stderr);
    const kept = "var/lib/groundwork/programs";
    assert.ok(machine.exists(`${kept}/reset.sh-0123`), "keep_scripts in steps/claim/claim.sh");
    assert.equal(statSync(join(machine.root, kept)).mode & 0o777, 0o700);
    assert.ok(!machine.exists(`${kept}.new`));
  });

  it("is left alone where another cluster has taken it since", () => {
    furnish(machine, small, "worker-01");
    machine.lock("another", "worker-01");
    const before = machine.snapshot();
    const outcome = machine.run(stepOf(small, "worker-01", "claim"), "delete");
    assertRefused(outcome, /names another, not /);
    assert.deepEqual(machine.snapshot(), before, "steps/claim/reset.sh");
  });

  it("keeps networks that were there before the cluster, and loses all others", () => {
    furnish(machine, small, "worker-01");
    machine.write("state/nft", "table ip nat\ntable inet mine\n");
    const claim = stepOf(small, "worker-01", "claim");
    machine.run(claim);
    machine.write(
      "state/nft",
      "table ip nat\ntable inet mine\ntable ip kube-proxy\ntable ip filter\n",
    );
    const { calls } = machine.run(claim, "delete");
    assert.deepEqual(
      calls.filter((call) => call.startsWith("nft delete")),
      ["nft delete table ip kube-proxy", "nft delete table ip filter"],
    );
  });

  it("keeps networks of which it knows no more whose they are", () => {
    furnish(machine, small, "worker-01");
    const claim = stepOf(small, "worker-01", "claim");
    machine.run(claim);
    machine.remove("var/lib/cluster-state/nft-tables");
    machine.write("state/nft", "table ip nat\ntable ip kube-proxy\n");
    const { calls } = machine.run(claim, "delete");
    assert.deepEqual(
      calls.filter((call) => call.startsWith("nft delete")),
      ["nft delete table ip kube-proxy"],
    );
  });

  it("stops a Ceph that is the cluster's, and unmounts what pods had, the deepest first", () => {
    furnish(machine, small, "worker-01");
    const claim = stepOf(small, "worker-01", "claim");
    machine.run(claim);
    const { root } = machine;
    const recorded = ["etc/ceph/ceph.conf", "var/lib/ceph/mon", "var/lib/ceph/mgr/ceph-x/"]
      .concat("var/lib/ceph/bootstrap-osd/ceph.keyring")
      .map((path) => `${root}/${path}\n`);
    machine.write("var/lib/cluster-state/files", recorded.join(""));
    machine.write("var/lib/ceph/mon/ceph-worker-01/done", "");
    machine.write("var/lib/ceph/bootstrap-osd/ceph.keyring", "a key");
    machine.write("var/lib/ceph/osd/mine", "a file");
    machine.write("state/listed", "ceph-osd@9.service loaded active running\n");
    const pods = "/var/lib/kubelet/pods";
    const mounts = [`${pods}/a`, "/home", `${pods}/a/volumes/b`, "/run/netns/mine"];
    machine.write("proc/mounts", mounts.map((path) => `tmpfs ${path} tmpfs rw 0 0\n`).join(""));
    const { status, stderr, calls } = machine.run(claim, "delete");
    assert.equal(status, 0, `steps/claim/reset.sh: ${stderr}`);
    const at = (call: RegExp) => calls.findIndex((one) => call.test(one));
    const order = [
      /^systemctl disable .* ceph-osd@9\.service$/,
      /^pkill -KILL -u ceph$/,
      /^setpriv /,
    ].map(at);
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
      "daemons may still put links there",
    );
    assert.ok(!order.includes(-1), calls.join("\n"));
    // In the daemons' folders nothing is done but as their user.
    const asCeph = calls.filter((call) => call.startsWith("setpriv --reuid=ceph "));
    for (const path of recorded.slice(1))
      assert.ok(
        asCeph.some((call) => call.includes(path.trim())),
        path,
      );
    const left = ["var/lib/ceph/mon", "var/lib/ceph/osd/mine"].filter((path) =>
      machine.exists(path),
    );
    assert.deepEqual(left, ["var/lib/ceph/mon", "var/lib/ceph/osd/mine"]);
    assert.ok(!machine.exists("var/lib/ceph/mon/ceph-worker-01"));
    assert.ok(!machine.exists("var/lib/ceph/bootstrap-osd/ceph.keyring"));
    assert.deepEqual(
      calls.filter((call) => call.startsWith("umount ")),
      ["umount /var/lib/kubelet/pods/a/volumes/b", "umount /var/lib/kubelet/pods/a"],
    );
  });
});
