import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { judgeEnd } from "../../status/judge/certificates";
import { part } from "../../steps/program";
import { FakeMachine } from "./fakeMachine";
import { parseMetrics } from "./prometheusText";

describe("the metrics of a machine", () => {
  let machine: FakeMachine;
  beforeEach(() => {
    machine = new FakeMachine();
    machine.remove("bin/openssl");
    symlinkSync(
      spawnSync("which", ["openssl"], { encoding: "utf8" }).stdout.trim(),
      join(machine.root, "bin/openssl"),
    );
    machine.remove("bin/date");
    machine.write("var/lib/groundwork/metrics/.keep", "");
    machine.lock("uuid", "master-01");
  });
  afterEach(() => machine.close());
  const path = "var/lib/groundwork/metrics/groundwork.prom";
  const measure = () => {
    const { status, stderr } = machine.run(part("node-metrics").text);
    assert.equal(status, 0, stderr);
    const text = machine.read(path).replaceAll(machine.root, "");
    return { text, samples: parseMetrics(text) };
  };
  /** A certificate that ends in so many days, and the second in which it does. */
  const certificate = (days: number) => {
    const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/stdout -days ${days} -subj /CN=a`;
    // It opens its own output by name, which it cannot where that is a socket.
    const { stdout } = spawnSync("bash", ["-c", `openssl ${args} | cat`], { encoding: "utf8" });
    const shown = spawnSync("openssl", ["x509", "-noout", "-enddate"], {
      encoding: "utf8",
      input: stdout,
    });
    return { pem: stdout, end: Date.parse(shown.stdout.replace("notAfter=", "")) / 1000 };
  };

  it("are who holds it, when steps changed something, when certificates end, and versions", () => {
    const [a, b] = [certificate(3), certificate(400)];
    machine.write("etc/kubernetes/pki/apiserver.crt", a.pem);
    const user = { "client-certificate-data": Buffer.from(b.pem).toString("base64") };
    machine.write("etc/kubernetes/admin.conf", JSON.stringify({ users: [{ user }] }));
    machine.write("etc/kubernetes/kubelet.conf", JSON.stringify({ users: [{ user: {} }] }));
    machine.write("etc/kubernetes/pki/ca.crt", "damaged");
    machine.write("var/lib/cluster-state/steps/kubelet", "at=2026-11-28T16:42:42Z\nidentity=x\n");
    machine.write("opt/kubelet", "#!/bin/sh\necho Kubernetes v1.36.3\n", 0o755);
    machine.write(
      "etc/systemd/system/kubelet.service",
      `[Service]\nExecStart=${machine.root}/opt/kubelet \\\n  --a=b\n`,
    );
    machine.remove("bin/dpkg-query");
    machine.write(
      "bin/dpkg-query",
      "#!/bin/sh\nprintf 'containerd 1.7.24~ds1 ii \\nhaproxy 3.0 rc \\n'; exit 1\n",
      0o755,
    );
    const { samples } = measure();
    const lock = `cluster="of uuid",cluster_id="uuid",node="master-01",stack="a/b"`;
    const expiry = (of: string) => `groundwork_certificate_expiry_timestamp_seconds{path="${of}"}`;
    assert.deepEqual(Object.fromEntries(samples), {
      [`groundwork_lock_since_timestamp_seconds{${lock}}`]:
        Date.parse("2026-01-01T00:00:00Z") / 1000,
      'groundwork_step_change_timestamp_seconds{step="kubelet"}':
        Date.parse("2026-11-28T16:42:42Z") / 1000,
      [expiry("/etc/kubernetes/pki/apiserver.crt")]: a.end,
      [expiry("/etc/kubernetes/pki/ca.crt")]: 0,
      [expiry("/etc/kubernetes/admin.conf")]: b.end,
      'groundwork_version_info{component="kubelet",version="v1.36.3"}': 1,
      'groundwork_version_info{component="containerd",version="1.7.24~ds1"}': 1,
    });
  });

  it("are, of a master, its snapshots of etcd: when, how large, and whether the last went well", () => {
    const of = (state: object) => {
      machine.write("var/lib/groundwork/snapshots/state.json", JSON.stringify(state));
      const found = [...measure().samples].filter(([key]) => key.includes("snapshot"));
      return Object.fromEntries(
        found.map(([key, value]) => [key.replace("groundwork_etcd_snapshot_", ""), value]),
      );
    };
    const good = { time: 1795928995.7, bytes: 4096 };
    assert.deepEqual(of({ tried: 1795928999.2, good, failure: null }), {
      timestamp_seconds: 1795928995,
      size_bytes: 4096,
      attempt_timestamp_seconds: 1795928999,
      failed: 0,
    });
    assert.deepEqual(of({ tried: 1795928999, failure: "no way to the store" }), {
      timestamp_seconds: 0,
      size_bytes: 0,
      attempt_timestamp_seconds: 1795928999,
      failed: 1,
    });
  });

  it("hold nothing of a key, and may be read by everybody", () => {
    machine.write("var/lib/kubelet/pki/kubelet-client-current.pem", certificate(9).pem);
    const { text } = measure();
    assert.match(text, /kubelet-client-current\.pem"\} [1-9]/);
    assert.doesNotMatch(text, /BEGIN|PRIVATE/);
    const mode = spawnSync("stat", ["-c", "%a", join(machine.root, path)], { encoding: "utf8" });
    assert.equal(mode.stdout.trim(), "644");
  });

  it("stay in their format whatever a text holds", () => {
    machine.write(
      "var/lib/cluster-state/lock",
      'cluster_name=a"b\\c\u001b{},x="1\nnode=n\nsince=gone\n',
    );
    const { samples } = measure();
    assert.deepEqual(
      [...samples].filter(([key]) => key.includes("lock")),
      [
        [
          'groundwork_lock_since_timestamp_seconds{cluster="a\\"b\\\\c {},x=\\"1",cluster_id="",node="n",stack=""}',
          0,
        ],
      ],
    );
  });

  it("are the former ones where new ones cannot be written", () => {
    measure();
    const before = machine.read(path);
    machine.write("var/lib/cluster-state/steps/kubelet", "at=2026-11-28T16:42:42Z\n");
    machine.write("var/lib/groundwork/metrics/.groundwork.prom.new/in-the-way", "");
    assert.notEqual(machine.run(part("node-metrics").text).status, 0);
    assert.equal(machine.read(path), before);
  });

  it("are never read half written: node_exporter takes what ends in .prom, were it hidden", () => {
    machine.write("bin/mv", `#!/bin/sh\nls -A "\${2%/*}" >${machine.root}/state/drafts\n`, 0o755);
    assert.equal(machine.run(part("node-metrics").text).status, 0);
    assert.deepEqual(machine.read("state/drafts").trim().split("\n"), [
      ".groundwork.prom.new",
      ".keep",
    ]);
  });

  it("are what promtool takes, where there is one", function () {
    if (spawnSync("promtool", ["--version"]).error) this.skip();
    machine.write("etc/kubernetes/pki/ca.crt", certificate(9).pem);
    machine.write("var/lib/cluster-state/steps/kubelet", "at=2026-11-28T16:42:42Z\n");
    const { text } = measure();
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
      input: text,
      encoding: "utf8",
    });
    assert.equal(status, 0, stdout + stderr);
  });

  it("are an event of the Node where certificates end soon, by the status' own rule", () => {
    machine.remove("bin/curl");
    machine.write("bin/curl", '#!/bin/bash\ncat >$0.sent\nprintf %s "$(cat $0.answer)"\n', 0o755);
    machine.write("bin/curl.answer", "201");
    const tell = () => {
      if (machine.exists("bin/curl.sent")) machine.remove("bin/curl.sent");
      const { status, stdout, stderr } = machine.run(part("node-metrics").text, "event");
      assert.equal(status, 0, stderr);
      const sent = machine.exists("bin/curl.sent") ? machine.read("bin/curl.sent") : undefined;
      return { stdout, sent: sent?.replaceAll(machine.root, "") };
    };
    assert.deepEqual(tell(), { stdout: "", sent: undefined });
    const paths = [
      "etc/kubernetes/pki/apiserver.crt",
      "etc/kubernetes/pki/ca.crt",
      "var/lib/kubelet/pki/kubelet-client-current.pem",
    ];
    for (const days of [10, 20, 100, 400]) {
      const { pem, end } = certificate(days);
      for (const path of paths) machine.write(path, pem);
      const left = Math.floor((end - Date.now() / 1000) / 86400);
      const soon = paths.filter((path) => judgeEnd(`/${path}`, left));
      const { sent, stdout } = tell();
      assert.equal(stdout, "");
      assert.equal(sent === undefined, soon.length === 0, `${days} days`);
      for (const path of paths)
        assert.equal(Boolean(sent?.includes(`/${path} (`)), soon.includes(path), path);
    }
    machine.write(`${paths[0]}`, certificate(10).pem);
    const { involvedObject, reason } = JSON.parse(tell().sent ?? "") as Record<string, unknown>;
    assert.equal(reason, "CertificateEndsSoon");
    assert.deepEqual(involvedObject, {
      apiVersion: "v1",
      kind: "Node",
      name: "master-01",
      uid: "master-01",
    });
    machine.write("bin/curl.answer", "409");
    assert.equal(tell().stdout, "");
    machine.write("bin/curl.answer", "000");
    assert.match(tell().stdout, /did not take an event, and answered 000: .*apiserver\.crt/);
  });
});
