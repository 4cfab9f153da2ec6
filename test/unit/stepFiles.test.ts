import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";
import { clusterId, take } from "./furnish";

describe("a step and the files of its machine:", function () {
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

  it("it mends a file that somebody changed, and replaces it as a whole", () => {
    take(machine, small, "worker-01");
    const credentials = programOf(small, "worker-01-credentials");
    machine.write("run/groundwork/admin.pem", "made of the administrator's former certificate");
    machine.run(credentials);
    assert.ok(!machine.exists("run/groundwork/admin.pem"), "steps/credentials/credentials.sh");
    const path = join(machine.root, "etc/kubernetes/kube-proxy.conf");
    const wanted = readFileSync(path, "utf8");
    const killed = "etc/kubernetes/.groundwork.kube-proxy.conf";
    machine.write(killed, "of a run that was killed");
    assert.equal(machine.run(credentials).stdout, "unchanged");
    assert.ok(!machine.exists(killed), "what a run that was killed had staged stays for ever");
    machine.write(killed, "of a run that was killed", 0o666);
    chmodSync(path, 0o644);
    assert.equal(machine.run(credentials).stdout, "changed: 1", "it does not look at the mode");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    if (process.getuid?.() === 0) {
      chownSync(path, 12345, 12345);
      assert.equal(machine.run(credentials).stdout, "changed: 1", "it does not look at the owner");
      machine.run(replaced(credentials, /(kube-proxy\.conf' 0600) root:root/, "$1 12345:12346"));
      const { uid, gid } = statSync(path);
      assert.deepEqual([uid, gid], [12345, 12346], "it belongs to whoever made it");
      machine.run(credentials);
    }
    writeFileSync(path, `${wanted}\0`);
    assert.equal(machine.run(credentials).stdout, "changed: 1", "it reads up to a NUL");
    writeFileSync(path, "mine");
    linkSync(path, `${path}.open`);
    assert.equal(machine.run(credentials).stdout, "changed: 1", "it does not look at the text");
    assert.equal(readFileSync(path, "utf8"), wanted);
    assert.equal(readFileSync(`${path}.open`, "utf8"), "mine", "a reader sees half of a file");
  });

  it("it has what was there, and that it put something there, on the disk before that is there", () => {
    take(machine, small, "worker-01");
    machine.write("etc/kubernetes/kube-proxy.conf", "mine");
    const { status, stderr, calls } = machine.run(programOf(small, "worker-01-credentials"));
    assert.equal(status, 0, stderr);
    const synced = calls.filter((call) => call.startsWith("sync "));
    const at = (path: string) =>
      synced.findIndex((call) => call.split(" ").includes(`${machine.root}/${path}`));
    const written = at("etc/kubernetes/.groundwork.kube-proxy.conf");
    assert.ok(written >= 0, synced.join("\n"));
    const kept = `var/lib/cluster-state/original${machine.root}/etc/kubernetes/kube-proxy.conf`;
    assert.equal(at(kept), written);
    assert.equal(at("var/lib/cluster-state/files"), written);
  });

  it("it notes each path on a line of its own, whatever a full disk has left of the last", () => {
    take(machine, small, "worker-01");
    const path = "var/lib/cluster-state/files";
    const before = machine.exists(path) ? machine.read(path) : "";
    machine.write(path, `${before}/etc/kubern`);
    const { status, stderr } = machine.run(programOf(small, "worker-01-credentials"));
    assert.equal(status, 0, stderr);
    const lines = machine.read(path).split("\n");
    assert.ok(lines.includes(`${machine.root}/etc/kubernetes/kube-proxy.conf`), lines.join("\n"));
    assert.ok(lines.includes("/etc/kubern"), lines.join("\n"));
  });

  it("it lets nobody else read a secret, also after it wrote down what all may read", () => {
    take(machine, small, "worker-01");
    const credentials = programOf(small, "worker-01-credentials");
    const { status, stderr } = machine.run(
      replaced(credentials, /^require_claim$/m, "require_claim\nwrite_state noted here"),
    );
    assert.equal(status, 0, stderr);
    const modeOf = (path: string) => (statSync(join(machine.root, path)).mode & 0o777).toString(8);
    assert.equal(modeOf("var/lib/cluster-state/noted"), "644", "write_state in steps/lib/lib.sh");
    assert.equal(modeOf("etc/kubernetes/kube-proxy.conf"), "600", "write_state changes umask");
  });

  it("it writes through no link, and nowhere where others than root may put one", () => {
    take(machine, small, "worker-01");
    const credentials = programOf(small, "worker-01-credentials");
    machine.run(credentials);
    const folder = join(machine.root, "etc/kubernetes");
    const path = join(folder, "kube-proxy.conf");
    const wanted = readFileSync(path, "utf8");
    const canary = join(machine.root, "root/canary");
    machine.write("root/canary", "root's own");
    for (const [target, content] of [
      [canary, "root's own"],
      [`${canary}s`, undefined],
    ] as const) {
      writeFileSync(path, "another text");
      symlinkSync(target, join(folder, ".groundwork.kube-proxy.conf"));
      assert.equal(machine.run(credentials).stdout, "changed: 1");
      assert.equal(readFileSync(path, "utf8"), wanted);
      assert.equal(lstatSync(path).isFile(), true, "the link itself took the file's place");
      assert.equal(content !== undefined && readFileSync(target, "utf8"), content ?? false);
      assert.equal(machine.exists("root/canarys"), false, "it writes through a link");
    }
    rmSync(path);
    mkdirSync(`${canary}-folder`);
    symlinkSync(`${canary}-folder`, path);
    assert.equal(machine.run(credentials).stdout, "changed: 1");
    assert.equal(readFileSync(path, "utf8"), wanted, "it lies in the folder of a link");
    const refused =
      / is no place for root to write to: \S+\/etc\/kubernetes is a folder that others/;
    writeFileSync(path, "another text");
    for (const mode of [0o1777, 0o777]) {
      chmodSync(folder, mode);
      assertRefused(machine.run(credentials), refused);
    }
    // As Debian's /usr/local is.
    chmodSync(folder, 0o2775);
    assert.equal(machine.run(credentials).stdout, "changed: 1");
    writeFileSync(path, "another text");
    chmodSync(folder, 0o755);
    if (process.getuid?.() !== 0) return;
    chownSync(folder, 12345, 12345);
    assertRefused(machine.run(credentials), refused);
    chownSync(folder, 0, 0);
    chownSync(join(folder, ".."), 12345, 12345);
    assertRefused(machine.run(credentials), /no place for root to write to: \S+\/etc is a folder/);
    assert.equal(readFileSync(path, "utf8"), "another text");
  });

  it("it fetches again what a power cut left of a download", () => {
    machine.lock(clusterId, "worker-01");
    machine.write("state/mirror", "whole");
    const [sha256, known] = ["whole", "known"].map((text) =>
      createHash("sha256").update(text).digest("hex"),
    ) as [string, string];
    machine.write(`var/lib/groundwork/artifacts/${sha256}`, "");
    machine.write(`var/lib/groundwork/artifacts/${known}`, "known");
    const program = programOf(small, "worker-01-prepare", {
      ARTIFACTS: [
        `${known} https://mirror/known /usr/local/bin/known`,
        `${sha256} https://mirror/tool /usr/local/bin/tool`,
      ].join("\n"),
    });
    const { status, stderr, calls } = machine.run(program);
    assert.equal(status, 0, stderr);
    assert.equal(machine.read("usr/local/bin/tool"), "whole");
    const gets = calls.filter((call) => call.startsWith("curl GET https://mirror"));
    assert.deepEqual(gets, ["curl GET https://mirror/tool"]);
    const stored = join(machine.root, "var/lib/groundwork/artifacts", sha256);
    assert.ok(calls.includes(`sync ${stored}`), "a power cut leaves half of it");
  });

  it("it restarts what reads a file that changed, and nothing else", () => {
    take(machine, small, "worker-01");
    machine.run(programOf(small, "worker-01-credentials"));
    const kubelet = programOf(small, "worker-01-kubelet");
    machine.run(kubelet);
    for (const [path, unit, told] of [
      ["etc/kubernetes/kube-proxy.conf", "kube-proxy", "NeedDaemonReload=yes"],
      ["var/lib/kubelet/config.yaml", "kubelet", "LoadState=not-found"],
      ["etc/kubernetes/haproxy.cfg", "kube-api-proxy", "NeedDaemonReload=yes"],
    ] as const) {
      const now = new Date();
      utimesSync(join(machine.root, path), now, now);
      machine.write("state/reload", `${told}\n`);
      const { calls } = machine.run(kubelet);
      const restarts = calls.filter((call) => /^systemctl restart/.test(call));
      const reload = calls.indexOf("systemctl daemon-reload");
      assert.ok(reload >= 0, "systemd goes by units that it read before");
      assert.ok(reload < calls.indexOf(restarts[0] ?? ""), "units are read when it is too late");
      assert.deepEqual(
        restarts.map((call) => call.split(" ").at(-1)),
        [`${unit}.service`],
        `${path} changed`,
      );
    }
  });

  it("it restarts the parts of a control plane that read a key, and no others", () => {
    take(machine, small, "master-01");
    machine.write("var/lib/etcd/member/data", "");
    for (const step of ["credentials", "control-plane"])
      machine.run(programOf(small, `master-01-${step}`));
    const [server, manager] = ["kube-apiserver", "kube-controller-manager"];
    for (const [path, units] of [
      ["pki/sa.key", [server, manager]],
      ["pki/ca.key", [manager]],
      ["pki/apiserver-etcd-client.crt", [server]],
      // It reads these again by itself.
      ["encryption.yaml", []],
      ["scheduler.conf", ["kube-scheduler"]],
    ] as const) {
      const now = new Date();
      utimesSync(join(machine.root, "etc/kubernetes", path), now, now);
      const { calls, stderr } = machine.run(programOf(small, "master-01-control-plane"));
      const restarts = calls.flatMap(
        (call) => /^systemctl restart .* (\S+)\.service/.exec(call)?.[1] ?? [],
      );
      assert.deepEqual(restarts, units, `${path} changed: ${stderr}`);
    }
  });

  it("it tells the kubelet what only the machine knows", () => {
    take(machine, small, "worker-01");
    machine.run(programOf(small, "worker-01-credentials"));
    const kubelet = programOf(small, "worker-01-kubelet");
    const facts = () => {
      machine.run(kubelet);
      return machine.read("etc/kubernetes/kubelet.conf.d/00-facts.conf").split("\n").slice(2, -1);
    };
    const reserved = (kube: string, system = "cpu: 100m, memory: 100Mi") => [
      `kubeReserved: {${kube}}`,
      `systemReserved: {${system}}`,
    ];
    assert.deepEqual(facts(), ["cgroupDriver: systemd", ...reserved("cpu: 80m, memory: 1843Mi")]);
    machine.write("state/cgroup", "tmpfs");
    machine.write("run/systemd/resolve/resolv.conf", "nameserver 10.0.0.1\n");
    const resolver = `resolvConf: ${machine.root}/run/systemd/resolve/resolv.conf`;
    assert.ok(!facts().includes(resolver), "one that systemd-resolved left behind is gone soon");
    machine.write("state/units/systemd-resolved.service.active", "");
    assert.deepEqual(facts(), [
      "cgroupDriver: cgroupfs",
      "failCgroupV1: false",
      resolver,
      ...reserved("cpu: 80m, memory: 1843Mi"),
    ]);
  });

  it("it keeps room by the size of the machine and by what runs there, unless the file says how much", () => {
    take(machine, small, "worker-01");
    machine.run(programOf(small, "worker-01-credentials"));
    const kubelet = programOf(small, "worker-01-kubelet");
    const reserved = (gib: number, cpus: number, program = kubelet) => {
      machine.write("proc/meminfo", `MemTotal: ${gib * 2 ** 20} kB\nMemFree: 1 kB\n`);
      machine.write("state/cpus", String(cpus));
      machine.run(program);
      const facts = machine.read("etc/kubernetes/kubelet.conf.d/00-facts.conf");
      return facts.split("\n").filter((line) => line.includes("Reserved"));
    };
    const lines = (kube: string, system: string) => [
      `kubeReserved: {${kube}}`,
      `systemReserved: {${system}}`,
    ];
    const alone = "cpu: 100m, memory: 100Mi";
    for (const [gib, cpus, kube] of [
      [1, 1, "cpu: 60m, memory: 256Mi"],
      [4, 2, "cpu: 70m, memory: 1024Mi"],
      [16, 4, "cpu: 80m, memory: 2662Mi"],
      [128, 32, "cpu: 150m, memory: 9543Mi"],
      [1024, 128, "cpu: 390m, memory: 27893Mi"],
    ] as const)
      assert.deepEqual(reserved(gib, cpus), lines(kube, alone));
    // Daemons of Ceph that would take everything leave a quarter all the same.
    const daemons = replaced(
      replaced(kubelet, "SYSTEM_MEMORY='100'", "SYSTEM_MEMORY='49152'"),
      "SYSTEM_CPU='100'",
      "SYSTEM_CPU='2000'",
    );
    assert.deepEqual(
      reserved(128, 32, daemons),
      lines("cpu: 150m, memory: 9543Mi", "cpu: 2000m, memory: 49152Mi"),
    );
    assert.deepEqual(
      reserved(16, 2, daemons),
      lines("cpu: 70m, memory: 2662Mi", "cpu: 1430m, memory: 9626Mi"),
    );
    const own = replaced(kubelet, "eventRecordQPS: 50", "eventRecordQPS: 50\nkubeReserved: {}");
    assert.deepEqual(reserved(4, 2, own), [`systemReserved: {${alone}}`]);
  });

  it("it puts back what it replaced when it fails", () => {
    take(machine, small, "worker-01");
    machine.run(programOf(small, "worker-01-credentials"));
    const kubelet = programOf(small, "worker-01-kubelet");
    machine.run(kubelet);
    const settings = ["etc/kubernetes/haproxy.cfg", "var/lib/kubelet/config.yaml"] as const;
    const former = settings.map((path) => machine.read(path));
    for (const program of [replaced(kubelet, "maxconn 4096", "maxconn 2"), kubelet]) {
      const { status, stderr } = machine.run(program);
      assert.equal(status, 0, stderr);
      assert.ok(!machine.exists("var/lib/groundwork/undo/kubelet"), "it succeeded: that is over");
    }
    machine.write("state/haproxy", "no");
    const bad = replaced(replaced(kubelet, "maxconn 4096", "maxconn 1"), "QPS: 50", "QPS: 5");
    const outcome = machine.run(bad);
    assertRefused(
      outcome,
      /haproxy refuses its configuration/,
      /the former files are back on worker-01/,
    );
    assert.deepEqual(
      settings.map((path) => machine.read(path)),
      former,
    );
    const checked = outcome.calls.findIndex((call) => call.startsWith("haproxy -c"));
    assert.ok(
      outcome.calls.slice(checked).includes("systemctl daemon-reload"),
      "systemd goes by the units of the run that failed",
    );
    assert.ok(!machine.exists("var/lib/groundwork/undo/kubelet"), "it would be put back once more");
    // A run before this one was killed, after it had replaced what the last success left.
    const [, settled] = settings;
    machine.write(
      `var/lib/groundwork/undo/kubelet${machine.root}/${settled}`,
      "of the last success",
    );
    machine.write(settled, "of the run that was killed");
    machine.run(bad);
    assert.equal(machine.read(settled), "of the last success");
  });

  it("it dates a file by when it took its place: what started before has not read it", () => {
    take(machine, small, "worker-01");
    const credentials = programOf(small, "worker-01-credentials");
    const landing = 'sleep 0.1\ntouch "$RUN/started"\nland\n}';
    const { status, stderr } = machine.run(replaced(credentials, /^land\n\}$/m, landing));
    assert.equal(status, 0, stderr);
    const at = (path: string) => statSync(join(machine.root, path)).mtimeMs;
    assert.ok(at("etc/kubernetes/kube-proxy.conf") >= at("run/groundwork/started"), "land");
  });

  it("it puts a file in its place when the disk has it", () => {
    take(machine, small, "worker-01");
    machine.run(programOf(small, "worker-01-credentials"));
    const { calls, stderr } = machine.run(programOf(small, "worker-01-kubelet"));
    const synced = calls.flatMap((call) => (call.startsWith("sync ") ? call.split(" ") : []));
    const wrote = [...stderr.matchAll(/: wrote (\S+)/g)].map(([, path = ""]) => basename(path));
    assert.ok(wrote.length > 5, stderr);
    const beside = synced.flatMap((path) => /\/\.groundwork\.(.+)$/.exec(path)?.[1] ?? []);
    assert.deepEqual(beside.sort(), wrote.sort());
    assert.ok(synced.some((path) => /\/\.cluster-joined\.new$/.test(path)));
  });

  it("it replaces none of them on a full disk, and says that it is full", () => {
    machine.lock(clusterId, "worker-01");
    machine.write("etc/kubernetes/kube-proxy.conf", "former");
    machine.write("state/full", "");
    const outcome = machine.run(programOf(small, "worker-01-credentials"));
    assertRefused(
      outcome,
      /could not write \S*\/etc\/kubernetes\/\S+.*: .*No space left on device/,
    );
    assertRefused(
      outcome,
      /what to do: see what is wrong with its file system \(100000 are free on \/\)/,
    );
    assert.equal(machine.read("etc/kubernetes/kube-proxy.conf"), "former");
    const litter = machine.snapshot().filter((line) => line.includes(".groundwork."));
    assert.deepEqual(litter, []);
  });

  it("it lets every service start with the machine, and starts one that had failed too often", () => {
    take(machine, small, "worker-01");
    machine.run(programOf(small, "worker-01-credentials"));
    const kubelet = programOf(small, "worker-01-kubelet");
    machine.run(kubelet);
    machine.remove("state/units/kube-proxy.service.enabled");
    machine.remove("state/units/kubelet.service.active");
    machine.write("state/units/kubelet.service.failed", "");
    const { status, stderr } = machine.run(kubelet);
    assert.equal(status, 0, `steps/lib/lib.sh: ${stderr}`);
    assert.ok(machine.exists("state/units/kube-proxy.service.enabled"), "steps/lib/lib.sh");
  });

  it("it waits for its turn", async () => {
    take(machine, small, "worker-01");
    const lock = join(machine.root, "run/groundwork/credentials.lock");
    machine.write("run/groundwork/credentials.lock", "");
    const other = spawn("flock", [lock, "sh", "-c", "echo holds; sleep 60"]);
    try {
      await once(other.stdout, "data");
      const outcome = machine.run(programOf(small, "worker-01-credentials"));
      assertRefused(outcome, /an earlier run of this step still holds \S+credentials\.lock/);
    } finally {
      other.kill();
    }
  });
});
