import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  linkSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf } from "./fakeMachine";
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
    assert.ok(!machine.exists("run/groundwork/admin.pem"), "scripts/credentials.sh");
    const path = join(machine.root, "etc/kubernetes/kube-proxy.conf");
    const wanted = readFileSync(path, "utf8");
    chmodSync(path, 0o644);
    assert.equal(machine.run(credentials).stdout, "changed: 1", "it does not look at the mode");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    if (process.getuid?.() === 0) {
      chownSync(path, 12345, 12345);
      assert.equal(machine.run(credentials).stdout, "changed: 1", "it does not look at the owner");
      machine.run(credentials.replaceAll("root:root", "12345:12346"));
      const { uid, gid } = statSync(path);
      assert.deepEqual([uid, gid], [12345, 12346], "it belongs to whoever made it");
      machine.run(credentials);
    }
    writeFileSync(path, "mine");
    linkSync(path, `${path}.open`);
    assert.equal(machine.run(credentials).stdout, "changed: 1", "it does not look at the text");
    assert.equal(readFileSync(path, "utf8"), wanted);
    assert.equal(readFileSync(`${path}.open`, "utf8"), "mine", "a reader sees half of a file");
  });

  it("it fetches again what a power cut left of a download", () => {
    machine.lock(clusterId, "worker-01");
    machine.write("state/mirror", "whole");
    const sha256 = createHash("sha256").update("whole").digest("hex");
    machine.write(`var/lib/groundwork/artifacts/${sha256}`, "");
    const program = programOf(small, "worker-01-prepare", {
      ARTIFACTS: `${sha256} https://mirror/tool /usr/local/bin/tool`,
    });
    const { status, stderr } = machine.run(program);
    assert.equal(status, 0, stderr);
    assert.equal(machine.read("usr/local/bin/tool"), "whole");
  });

  it("it restarts what reads a file that changed, and nothing else", () => {
    take(machine, small, "worker-01");
    machine.run(programOf(small, "worker-01-credentials"));
    const kubelet = programOf(small, "worker-01-kubelet");
    machine.run(kubelet);
    for (const [path, unit] of [
      ["etc/kubernetes/kube-proxy.conf", "kube-proxy"],
      ["var/lib/kubelet/config.yaml", "kubelet"],
      ["etc/kubernetes/haproxy.cfg", "kube-api-proxy"],
    ] as const) {
      const now = new Date();
      utimesSync(join(machine.root, path), now, now);
      machine.write("state/reload", "");
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

  it("it tells the kubelet what only the machine knows", () => {
    take(machine, small, "worker-01");
    machine.run(programOf(small, "worker-01-credentials"));
    const kubelet = programOf(small, "worker-01-kubelet");
    const facts = () => {
      machine.run(kubelet);
      return machine.read("etc/kubernetes/kubelet.conf.d/00-facts.conf").split("\n").slice(2, -1);
    };
    assert.deepEqual(facts(), ["cgroupDriver: systemd"]);
    machine.write("state/cgroup", "tmpfs");
    machine.write("run/systemd/resolve/resolv.conf", "nameserver 10.0.0.1\n");
    const resolver = `resolvConf: ${machine.root}/run/systemd/resolve/resolv.conf`;
    assert.deepEqual(facts(), ["cgroupDriver: cgroupfs", "failCgroupV1: false", resolver]);
  });

  it("it puts back what it replaced when it fails", () => {
    take(machine, small, "worker-01");
    machine.run(programOf(small, "worker-01-credentials"));
    const kubelet = programOf(small, "worker-01-kubelet");
    machine.run(kubelet);
    const settings = ["etc/kubernetes/haproxy.cfg", "var/lib/kubelet/config.yaml"] as const;
    const former = settings.map((path) => machine.read(path));
    machine.write("state/haproxy", "no");
    const bad = kubelet.replace("maxconn 4096", "maxconn 1").replace("QPS: 50", "QPS: 5");
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
    assert.ok(!machine.exists("var/lib/groundwork/undo/kubelet"), "it would be put back once more");
  });
});
