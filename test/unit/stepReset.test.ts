import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { lstatSync, mkdirSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, replaced } from "./fakeMachine";
import { clusterId, furnish, stepOf } from "./furnish";

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
      assert.deepEqual(purges, [
        "apt-get -s -q purge conntrack socat",
        "apt-get -q -y -o DPkg::Lock::Timeout=240 purge conntrack socat",
      ]);
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
      const acting = again.calls.filter((call) => !/^logger /.test(call));
      assert.deepEqual(acting, [], "steps/claim/reset.sh acts on a machine of no cluster");
    });
  }

  it("has what undoes its claim from then on, for root alone", () => {
    furnish(machine, small, "worker-01");
    machine.write(
      `run/groundwork/in/worker-01-claim-${clusterId}/reset.sh-0123`,
      "undoes\n",
      0o600,
    );
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

  it("loses routes into its network of pods that programs made since, and no others", () => {
    furnish(machine, small, "worker-01");
    const theirs = [
      { dst: "10.244.9.0/24", gateway: "10.1.0.9", dev: "eth0", table: "52", flags: [] },
      { dst: "10.244.10.0/24", gateway: "10.1.0.9", dev: "eth0", flags: [] },
    ];
    const routes = (...found: readonly object[]) =>
      machine.write("state/routes.root 10.244.0.0", JSON.stringify(found));
    const flushed = () =>
      machine
        .run(stepOf(small, "worker-01", "claim"), "delete")
        .calls.filter((call) => / route (flush|del)/.test(call));
    const since = [
      { dst: "10.244.9.0/24", gateway: "10.1.0.9", dev: "eth0", flags: [] },
      { type: "blackhole", dst: "10.244.4.0/26", protocol: "80", flags: [] },
      { dst: "10.244.77.0/24", dev: "eth2", protocol: "kernel", flags: [] },
    ];
    routes(...theirs);
    machine.run(stepOf(small, "worker-01", "claim"));
    routes(...theirs, ...since);
    assert.deepEqual(flushed(), [
      "ip -4 route flush table main exact 10.244.9.0/24 proto boot",
      "ip -4 route flush table main exact 10.244.4.0/26 proto 80",
    ]);
    machine.lock(clusterId, "worker-01");
    machine.write("var/lib/cluster-state/before", "link eth0\n");
    assert.deepEqual(flushed(), [], "a former release's claim noted none");
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

  /** A worker through its steps, on a machine that `others` have used before. */
  const prepared = (others: () => void = () => undefined) => {
    furnish(machine, small, "worker-01");
    others();
    for (const step of ["claim", "prepare"]) {
      const { status, stderr } = machine.run(stepOf(small, "worker-01", step));
      assert.equal(status, 0, `${step}.sh: ${stderr}`);
    }
  };
  const leave = () => machine.run(stepOf(small, "worker-01", "claim"), "delete");

  it("moves its own name alone in /etc/hosts, and puts back what was there", () => {
    const hosts =
      "127.0.0.1 localhost worker-01\n127.0.1.1\tworker-01.example.org worker-01 # mine\n10.0.0.9 worker-01\n" +
      "10.0.0.8 worker-012 workerx01\n::1 localhost ip6-localhost\n# worker-01 is below\n";
    furnish(machine, small, "worker-01");
    machine.write("etc/hosts", hosts);
    machine.run(stepOf(small, "worker-01", "claim"));
    assert.deepEqual(machine.read("etc/hosts").split("\n"), [
      "127.0.0.1 localhost",
      "127.0.1.1 worker-01.example.org # mine",
      "10.0.0.8 worker-012 workerx01",
      "::1 localhost ip6-localhost",
      "# worker-01 is below",
      "10.0.0.21 worker-01",
      "",
    ]);
    leave();
    assert.equal(machine.read("etc/hosts"), hosts);
  });

  it("takes a name with dots for no pattern", () => {
    furnish(machine, small, "worker-01");
    machine.write(
      "etc/hosts",
      "127.0.0.1 localhost\n10.0.0.8 w1xexample.org\n10.0.0.9 w1.example.org\n",
    );
    const claim = stepOf(small, "worker-01", "claim");
    machine.run(replaced(claim, "NODE_HOSTNAME='worker-01'", "NODE_HOSTNAME='w1.example.org'"));
    assert.deepEqual(machine.read("etc/hosts").split("\n").slice(1), [
      "10.0.0.8 w1xexample.org",
      "10.0.0.21 w1.example.org",
      "",
    ]);
  });

  it("keeps what others made since: their tables, chains, links and namespaces", () => {
    prepared(() => machine.write("state/rules", "*nat\n:CNI-podman - [0:0]\nCOMMIT\n"));
    machine.write("state/nft", "table inet filter\ntable ip nat\ntable ip6 filter\n");
    machine.write("state/table nat", "table ip nat {\n\tchain DOCKER {\n\t}\n}\n");
    machine.write(
      "state/table filter",
      "table ip6 filter {\n\tchain INPUT {\n\t\ttype filter hook input priority 0; policy accept;\n\t}\n}\n",
    );
    machine.write("state/pods", "7: veth12@if2: <UP> mtu 1450 master cni0\n");
    for (const link of ["cni0", "docker0", "flannel.1"])
      machine.write(`sys/class/net/${link}/ifindex`, "7");
    machine.write("run/netns/cni-ours", "");
    machine.write("run/netns/cni-podman", "");
    machine.write("state/cni-podman.pids", "4711\n");
    machine.write(
      "state/rules",
      "*nat\n:PREROUTING ACCEPT [0:0]\n:CNI-podman - [0:0]\n:CNI-ours - [0:0]\n:KUBE-MARK - [0:0]\n:DOCKER - [0:0]\n" +
        '-A PREROUTING -m comment --comment "for KUBE-MARK" -j DOCKER\n-A PREROUTING -s 10.0.0.1/32 -j KUBE-MARK\n' +
        '-A PREROUTING -m comment --comment "see -j KUBE-MARK there" -j DOCKER\n' +
        "-A CNI-podman -j ACCEPT\n-A CNI-ours -j KUBE-MARK\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n",
    );
    const { status, stderr, calls } = leave();
    assert.equal(status, 0, stderr);
    const restored = machine.read("state/restored").trim().split("\n");
    assert.deepEqual(restored, [
      "*nat",
      "-D PREROUTING -s 10.0.0.1/32 -j KUBE-MARK",
      "-F CNI-ours",
      "-F KUBE-MARK",
      "-X CNI-ours",
      "-X KUBE-MARK",
      "COMMIT",
    ]);
    assert.ok(calls.includes("iptables-restore --noflush"), "others' rules would be flushed");
    assert.deepEqual(
      calls.filter((call) => call.startsWith("nft delete")),
      ["nft delete table ip6 filter"],
    );
    assert.deepEqual(
      calls.filter((call) => call.startsWith("ip link delete")),
      ["veth12", "cni0", "flannel.1"].map((link) => `ip link delete ${link}`),
    );
    assert.ok(!machine.exists("run/netns/cni-ours"));
    assert.ok(machine.exists("run/netns/cni-podman"), "a program of another's runs there");
  });

  it("keeps packages that others came to need, and the runtime with them", () => {
    prepared(() => machine.write("state/missing", "containerd\nrunc\nsocat\n"));
    machine.write("state/needs", "containerd docker.io\nrunc containerd\nrunc docker.io\n");
    const { status, stderr, calls } = leave();
    assert.equal(status, 0, stderr);
    const purges = calls.filter((call) => /^apt-get -q -y .*purge/.test(call));
    assert.deepEqual(purges, ["apt-get -q -y -o DPkg::Lock::Timeout=240 purge socat"]);
    assert.match(calls.join("\n"), /systemctl start --no-block containerd\.service/);
  });

  for (const [what, before, runs] of [
    ["that ran", () => machine.write("state/units/containerd.service.active", ""), true],
    ["that did not run", () => undefined, false],
  ] as const) {
    it(`leaves a runtime ${what} before as it was`, () => {
      prepared(before);
      const { status, stderr, calls } = leave();
      assert.equal(status, 0, stderr);
      const last = calls.filter((call) => /^systemctl .*containerd\.service/.test(call)).at(-1);
      assert.match(last ?? "", runs ? /^systemctl start / : /^systemctl disable /);
    });
  }

  it("leaves the runtime of a machine that a former release took, which noted nothing of it", () => {
    prepared();
    machine.remove("var/lib/cluster-state/before");
    const { status, stderr, calls } = leave();
    assert.equal(status, 0, stderr);
    assert.ok(calls.includes("systemctl start --no-block containerd.service"));
  });

  it("takes its containers and images off a runtime whose data others had before", () => {
    for (const [namespaces, takes] of [
      ["moby\n", true],
      ["moby\nk8s.io\n", false],
    ] as const) {
      prepared(() => {
        machine.write("var/lib/containerd/theirs", "an image");
        machine.write("state/units/containerd.service.active", "");
        machine.write("state/namespaces", namespaces);
      });
      machine.write("state/k8s.io.containers", "abc\n");
      const { status, stderr, calls } = leave();
      assert.equal(status, 0, stderr);
      assert.equal(machine.read("var/lib/containerd/theirs"), "an image");
      const removed = calls.filter((call) => /^ctr .* containers remove/.test(call));
      assert.deepEqual(removed, takes ? ["ctr --namespace k8s.io containers remove abc"] : []);
      assert.ok(!calls.some((call) => /^systemctl disable .*containerd/.test(call)));
    }
  });

  it("wipes nothing as long as something of a pod's is mounted", () => {
    prepared();
    machine.write("var/lib/kubelet/pods/a/volume/data", "the only copy");
    machine.write("proc/mounts", "/dev/sda1 /var/lib/kubelet/pods/a/volume ext4 rw 0 0\n");
    machine.write("state/busy", "");
    const outcome = leave();
    assertRefused(
      outcome,
      /could not unmount \/var\/lib\/kubelet\/pods\/a\/volume; nothing was wiped/,
    );
    assert.equal(machine.read("var/lib/kubelet/pods/a/volume/data"), "the only copy");
    assert.ok(
      machine.exists("usr/local/lib/groundwork/kubernetes-1.36.3/kubelet"),
      "it wipes all the same",
    );
    machine.remove("state/busy");
    const { status, stderr } = leave();
    assert.equal(status, 0, stderr);
    assert.ok(!machine.exists("var/lib/cluster-state"));
  });

  describe("with volumes of Ceph in its kernel", () => {
    const plugins = () => `${machine.root}/var/lib/kubelet/plugins/kubernetes.io/csi`;
    const mount = (line: string) => machine.write("proc/self/mountinfo", `${line}\n`);
    /** A device, as the kernel shows it, and what it lies on. */
    const device = (numbers: string, name: string, below?: string) => {
      const folder = join(machine.root, "sys/class/block", name);
      mkdirSync(join(folder, "slaves"), { recursive: true });
      mkdirSync(join(machine.root, "sys/dev/block"), { recursive: true });
      symlinkSync(folder, join(machine.root, "sys/dev/block", numbers));
      if (below === undefined) return;
      symlinkSync(join(folder, "..", below), join(folder, "slaves", below));
      machine.write(`sys/class/block/${below}/holders/${name}/dm/name`, "luks-rbd-a\n");
    };
    beforeEach(() => {
      prepared();
      for (const number of [1, 2, 4, 5, 7]) machine.write(`sys/bus/rbd/devices/${number}/pool`, "");
      machine.write("sys/bus/rbd/remove", "");
      device("252:16", "rbd1");
      device("252:64", "rbd4");
      device("253:3", "dm-3", "rbd4");
      device("8:1", "sda1");
    });
    for (const [what, line, removed] of [
      [
        "a file system",
        "31 30 252:16 / @/rbd.csi.ceph.com/globalmount rw shared:9 - ext4 /dev/rbd1 rw",
        "1\n",
      ],
      ["a device", "33 30 0:5 /rbd7 @/volumeDevices/c rw shared:2 - devtmpfs udev rw", "7\n"],
      [
        "what is encrypted",
        "33 30 253:3 / @/a/globalmount rw - ext4 /dev/mapper/luks-rbd-a rw",
        "4\n",
      ],
      [
        "nothing of a folder that only sounds like it",
        "33 30 8:1 /srv/rbd5 @/a rw - ext4 /dev/sda1 rw",
        "",
      ],
      ["nothing that others mounted", "34 30 252:16 / /srv rw shared:3 - ext4 /dev/rbd1 rw", ""],
    ] as const) {
      it(`gives back ${what}`, () => {
        mount(line.replace("@", plugins()));
        const { status, stderr, calls } = leave();
        assert.equal(status, 0, stderr);
        assert.equal(machine.read("sys/bus/rbd/remove"), removed);
        assert.equal(calls.includes("dmsetup remove luks-rbd-a"), removed === "4\n");
      });
    }

    it("says in the machine's journal which one it could not give back, also when it was cut short before", () => {
      // It was unmounted by a run that ended then.
      machine.write("var/lib/cluster-state/rbd", "rbd7\n");
      machine.remove("sys/bus/rbd/remove");
      machine.write("sys/bus/rbd/remove/never", "");
      const { status, stderr } = leave();
      assert.equal(status, 0, stderr);
      assert.match(stderr, /left \/dev\/rbd7: it is in use, or its Ceph does not answer/);
      assert.match(machine.read("journal"), /^worker-01: left \/dev\/rbd7: /m);
    });

    it("does not wait for an unmount that never ends, and leaves it nothing of the connection", () => {
      machine.write("proc/mounts", "/dev/rbd1 /var/lib/kubelet/pods/a/volume ext4 rw 0 0\n");
      const claim = stepOf(small, "worker-01", "claim");
      const hung = `umount() { [ "$1" != --lazy ] || { command umount "$2"; return; }; sleep 70; }\n`;
      const short = replaced(claim, "main() {\n", `${hung}main() {\n`).replace(
        "at_most 30",
        "at_most 1",
      );
      const began = Date.now();
      const { status, stderr } = machine.run(short, "delete");
      assert.equal(status, 0, stderr);
      assert.ok(Date.now() - began < 60_000, "its output stays open for as long as the unmount");
    });
  });

  it("ends pods whose runtime died, by their control groups", async () => {
    prepared();
    const child = spawn("sleep", ["600"], { stdio: "ignore" });
    const ended = once(child, "exit");
    machine.write("sys/fs/cgroup/kubepods.slice/pod1/cgroup.procs", `${child.pid}\n0\n`);
    machine.write("sys/fs/cgroup/system.slice/mine/cgroup.procs", `${process.pid}\n`);
    machine.remove("state/units/containerd.service.active");
    const { status, stderr } = leave();
    assert.equal(status, 0, stderr);
    assert.deepEqual(await ended, [null, "SIGKILL"]);
  });

  it("keeps what others wrote into /etc/hosts since, and says so", () => {
    machine.write("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 worker-01\n");
    prepared();
    machine.write("etc/hosts", `${machine.read("etc/hosts")}10.9.9.9 vault.corp\n`);
    const { status, stderr } = leave();
    assert.equal(status, 0, stderr);
    assert.equal(machine.read("etc/hosts"), "127.0.0.1 localhost\n10.9.9.9 vault.corp\n");
    assert.match(stderr, /left \S+\/etc\/hosts as others have written it since/);
  });

  it("has its links again, also those that lead nowhere", () => {
    machine.write("etc/hosts.real", "127.0.0.1 localhost\n");
    for (const [path, to] of [
      ["etc/hosts", "hosts.real"],
      ["usr/local/bin/kubelet", "k3s"],
    ] as const) {
      rmSync(join(machine.root, path), { force: true });
      mkdirSync(join(machine.root, path, ".."), { recursive: true });
      symlinkSync(to, join(machine.root, path));
    }
    prepared();
    assert.ok(!lstatSync(join(machine.root, "etc/hosts")).isSymbolicLink());
    const { status, stderr } = leave();
    assert.equal(status, 0, stderr);
    assert.equal(readlinkSync(join(machine.root, "etc/hosts")), "hosts.real");
    assert.equal(readlinkSync(join(machine.root, "usr/local/bin/kubelet")), "k3s");
    assert.equal(machine.read("etc/hosts.real"), "127.0.0.1 localhost\n");
  });

  it("never wipes what others mounted in its folders, be it of the same file system", () => {
    const { root } = machine;
    const mounts = [`${root}/var/lib/kubelet/mine`, `${root}/opt/cni`];
    const mounted = mounts.map((at) => `/dev/sda1 ${at} ext4 rw 0 0\n`).join("");
    prepared();
    machine.write("proc/mounts", mounted);
    machine.write("var/lib/kubelet/mine/data", "mine");
    machine.write("var/lib/kubelet/config.yaml", "ours");
    machine.write("opt/cni/bin/ours", "ours");
    const { status, stderr, calls } = leave();
    assert.equal(status, 0, stderr);
    assert.equal(machine.read("var/lib/kubelet/mine/data"), "mine");
    assert.ok(!machine.exists("var/lib/kubelet/config.yaml"));
    assert.ok(!machine.exists("opt/cni/bin"), "of a file system of its own the content goes");
    assert.ok(machine.exists("opt/cni"));
    assert.deepEqual(
      calls.filter((call) => call.startsWith("umount ")),
      [],
    );
  });

  it("keeps a folder that others used, as it is when the cluster leaves", () => {
    machine.write("var/lib/kubelet/data/theirs", "of the day of the claim");
    machine.write("var/lib/kubelet/pki/theirs", "their key");
    prepared();
    for (const step of ["credentials", "kubelet"]) {
      const { status, stderr } = machine.run(stepOf(small, "worker-01", step));
      assert.equal(status, 0, `${step}.sh: ${stderr}`);
    }
    assert.ok(
      !machine.exists(`var/lib/cluster-state/original${machine.root}/var/lib/kubelet`),
      "a copy",
    );
    machine.write("var/lib/kubelet/data/theirs", "a year of work");
    machine.write("var/lib/kubelet/device-plugins/socket", "ours");
    const { status, stderr } = leave();
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      machine
        .snapshot()
        .filter((line) => line.startsWith("var/lib/kubelet/"))
        .map((line) => line.split(" ")[0]),
      ["data", "data/theirs", "pki", "pki/theirs"].map((path) => `var/lib/kubelet/${path}`),
    );
    assert.equal(machine.read("var/lib/kubelet/data/theirs"), "a year of work");
  });

  it("puts no old copy, which a former release made of others' folders, over what is there now", () => {
    const original = `var/lib/cluster-state/original${machine.root}/var/lib`;
    for (const copy of ["kubelet", "kubelet/kubelet"]) {
      prepared();
      machine.write(`${original}/${copy}/nfs/db`, "old");
      machine.write(`${original}/kubelet/config.yaml`, "theirs");
      machine.write(
        "var/lib/cluster-state/files",
        ["config.yaml", ""]
          .map((path) => `${machine.root}/var/lib/kubelet/${path}`.replace(/\/$/, ""))
          .join("\n") + "\n",
      );
      machine.write("var/lib/kubelet/config.yaml", "ours");
      machine.write("var/lib/kubelet/nfs/db", "a year of work");
      machine.write("var/lib/kubelet/pods/a", "ours");
      const { status, stderr } = leave();
      assert.equal(status, 0, stderr);
      assert.equal(machine.read("var/lib/kubelet/nfs/db"), "a year of work");
      assert.equal(machine.read("var/lib/kubelet/config.yaml"), "theirs");
      assert.ok(!machine.exists("var/lib/kubelet/pods"));
      machine.remove("var/lib/kubelet");
    }
  });

  it("is as it was, wherever the end of a reset was cut short", () => {
    const hosts = "127.0.0.1 localhost\n10.9.9.9 printer\n";
    for (const call of [1, 2, 3, 4, 5, 6]) {
      prepared(() => {
        machine.write("etc/hosts", hosts);
        machine.write("state/nft", "table ip nat\n");
      });
      // Each removal below the state is the last one, before it and half done.
      const claim = stepOf(small, "worker-01", "claim");
      const cut = `rm() { case "$*" in *cluster-state/?*) [ $((cut += 1)) -lt ${call} ] || kill -KILL $$ ;; esac; command rm "$@"; }\ncut=0\n`;
      const killed = machine.run(replaced(claim, "main() {\n", `${cut}main() {\n`), "delete");
      assert.equal(killed.status, null, `removal ${call}: ${killed.stdout}`);
      const { status, stderr, calls } = leave();
      assert.equal(status, 0, stderr);
      assert.equal(machine.read("etc/hosts"), hosts, `cut short at removal ${call}`);
      assert.ok(!calls.includes("nft delete table ip nat"), `cut short at removal ${call}`);
      assert.ok(!machine.exists("var/lib/cluster-state"));
    }
  });

  it("keeps what others mounted below its own folder, and says so", () => {
    prepared();
    const shared = "var/lib/groundwork/artifacts";
    machine.write("proc/mounts", `/dev/sda1 ${machine.root}/${shared} ext4 rw 0 0\n`);
    machine.write(`${shared}/theirs`, "precious");
    const { status, stderr } = leave();
    assert.equal(status, 0, stderr);
    assert.equal(machine.read(`${shared}/theirs`), "precious");
    assert.match(stderr, /left \S+\/artifacts: something is mounted there/);
    assert.ok(!machine.exists("var/lib/cluster-state"));
  });

  it("is still the cluster's where apt does not remove its packages", () => {
    prepared(() => machine.write("state/missing", "socat\n"));
    machine.write("state/unpurgeable", "E: dpkg was interrupted\n");
    assertRefused(leave(), /apt could not remove socat: E: dpkg was interrupted/);
    assert.ok(machine.exists("var/lib/cluster-state/lock"));
    machine.remove("state/unpurgeable");
    const { status, stderr } = leave();
    assert.equal(status, 0, stderr);
    assert.ok(!machine.exists("var/lib/cluster-state"));
  });

  it("starts its runtime by the files that it had before", () => {
    prepared(() => machine.write("state/units/containerd.service.active", ""));
    const { calls } = leave();
    const reload = calls.indexOf("systemctl daemon-reload");
    assert.ok(
      reload !== -1 && reload < calls.indexOf("systemctl start --no-block containerd.service"),
    );
  });

  it("keeps pods of others, which were there when it was claimed", () => {
    prepared(() => {
      machine.write("state/units/containerd.service.active", "");
      machine.write("state/namespaces", "k8s.io\n");
      machine.write("state/k8s.io.containers", "theirs\n");
      machine.write("var/lib/containerd/theirs", "");
    });
    machine.write("state/k8s.io.containers", "theirs\nours\n");
    const { status, stderr, calls } = leave();
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      calls.filter((call) => /^ctr .* tasks (kill|delete)|^pkill/.test(call)),
      [
        "ctr --namespace k8s.io tasks kill --signal SIGKILL ours",
        "ctr --namespace k8s.io tasks delete --force ours",
        ...["ours"].map(
          (id) =>
            `pkill -KILL -f ^/usr/(bin|local/lib/groundwork/containerd-[0-9.]+)/containerd-shim-runc-v2 -namespace k8s.io (.* )?-id ${id}( |$)`,
        ),
      ],
    );
  });

  it("keeps what others had mounted among the runtime's data", () => {
    const at = `${machine.root}/var/lib/containerd/theirs`;
    prepared(() => machine.write("proc/mounts", `/dev/sda1 ${at} ext4 rw 0 0\n`));
    machine.write("var/lib/cluster-state/before", `mount ${at}\n`);
    machine.write("var/lib/containerd/theirs/data", "theirs");
    const { status, stderr, calls } = leave();
    assert.equal(status, 0, stderr);
    assert.ok(!calls.some((call) => call.startsWith("umount ")));
    assert.equal(machine.read("var/lib/containerd/theirs/data"), "theirs");
  });

  it("knows what was there before, also where a former release was killed before it noted it", () => {
    furnish(machine, small, "worker-01");
    machine.lock(clusterId, "worker-01");
    machine.write("state/nft", "table ip nat\n");
    const claim = stepOf(small, "worker-01", "claim");
    assert.equal(machine.run(claim).status, 0);
    assert.equal(machine.read("var/lib/cluster-state/nft-tables"), "table ip nat\n");
    machine.write("state/nft", "table ip kube-proxy\n");
    machine.run(claim);
    assert.equal(machine.read("var/lib/cluster-state/nft-tables"), "table ip nat\n", "noted again");
  });

  it("has its swap again", () => {
    const fix = (step: string) =>
      replaced(stepOf(small, "worker-01", step), "FIX=''", "FIX='swap'");
    furnish(machine, small, "worker-01");
    machine.write("proc/swaps", "Filename Type\n/dev/sda3 partition 1\n/swapfile file 2\n");
    machine.write("state/units/zramswap.service.enabled", "");
    machine.run(stepOf(small, "worker-01", "claim"));
    const { status, stderr } = machine.run(fix("prepare"));
    assert.equal(status, 0, stderr);
    assert.equal(machine.read("proc/swaps"), "Filename Type\n");
    assert.ok(machine.exists("state/units/swap.target.masked"), "it is on again after a boot");
    assert.match(machine.run(fix("prepare")).stdout, /^unchanged$/m);
    const { calls } = leave();
    assert.deepEqual(
      calls.filter((call) => /^swapon|^systemctl (unmask|enable .*zram)/.test(call)),
      [
        "systemctl unmask --quiet swap.target",
        "systemctl enable --quiet --now zramswap.service",
        "swapon /dev/sda3",
        "swapon /swapfile",
      ],
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
