import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readReport } from "../../ssh/report";
import { statusProgram } from "../../status/ask";
import { report } from "../../status/report";
import { FakeMachine } from "./fakeMachine";

const script = statusProgram();

/** A Node with the status that its kubelet wrote. */
const nodeWith = (name: string, conditions: unknown) => ({
  metadata: { name, creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: {},
  status: {
    nodeInfo: { kubeletVersion: "v1.36.3", containerRuntimeVersion: "containerd://1" },
    conditions,
  },
});

describe("what a machine is asked for its status", () => {
  let machine: FakeMachine;
  const replace = (name: string, does: string) => {
    // The link, not the program it leads to.
    machine.remove(`bin/${name}`);
    machine.write(`bin/${name}`, `#!/bin/sh\n${does}\n`, 0o755);
  };
  const prepare = () => {
    machine = new FakeMachine();
    machine.lock("uuid", "master-01");
    machine.write("etc/kubernetes/admin.conf", JSON.stringify({ users: [{ user: {} }] }));
    machine.write("etc/os-release", "PRETTY_NAME=Debian\n");
    const programs = {
      curl: `printf '%s ' "\$@" >>"$FAKE_ROOT/state/asked"
case "$*" in
  */version*) cat "$FAKE_ROOT/state/answers" ;;
  *requests*) cat "$FAKE_ROOT/state/requests" ;;
  */proxy/healthz*) printf '200 https://127.0.0.1:6443/api/v1/nodes/master-01/proxy/healthz' ;;
esac`,
      df: "echo 100 50",
    };
    for (const [name, does] of Object.entries(programs)) replace(name, does);
  };
  beforeEach(prepare);
  afterEach(() => machine.close());

  /** What it says as a master, where the API server knows these Nodes, and these requests wait. */
  const ask = (nodes: readonly unknown[], how: string, requests: readonly unknown[] = []) => {
    const answers = [
      { gitVersion: "v1.36.3" },
      { kind: "NodeList", items: nodes },
      { kind: "DeploymentList", items: [{ metadata: { name: "coredns" }, spec: { replicas: 2 } }] },
      { kind: "DaemonSetList", items: [] },
    ];
    machine.write("state/answers", answers.map((one) => JSON.stringify(one)).join("\n"));
    machine.write("state/requests", JSON.stringify({ items: requests }));
    return run(how);
  };
  const run = (how: string, program = script) => {
    const { stdout, stderr } = machine.run(program.replace(/^main "\$@"/m, `main ${how}`));
    return stdout || stderr;
  };
  /** In time: within so many seconds of waiting, and what the script costs on this machine at this moment anyway. */
  const assertWithin = (limit: number, seconds: number) => {
    machine.close();
    prepare();
    const [, work] = timed(() => ask(nodes, "--report"));
    assert.ok(seconds < limit + 2 * work, `${seconds} s, of which ${work} s are work`);
  };
  /** Seconds that it takes. */
  const timed = <T>(what: () => T): [T, number] => {
    const began = performance.now();
    return [what(), (performance.now() - began) / 1000];
  };
  const control = "\u001b[2J\u009b1m\u007f";
  const nodes = [
    nodeWith("master-01", [
      { type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z", message: "ok" },
    ]),
    nodeWith("worker-01", [{ type: "Ready", status: "False", message: control.repeat(1000) }]),
    nodeWith("worker-02", [
      { type: "Ready", status: "False" },
      { type: "Ready", status: "True" },
      ...Array.from({ length: 1000 }, () => ({ type: control.repeat(100), status: "True" })),
    ]),
    nodeWith("worker-03", undefined),
  ];

  it("is a report, whatever a kubelet wrote into its Node", () => {
    const { kubernetes } = readReport(`Welcome${ask(nodes, "--report")}\nBye`, report);
    assert.deepEqual(
      kubernetes?.nodes.map(({ name, ready }) => [name, ready?.status]),
      [
        ["master-01", "True"],
        ["worker-01", "False"],
        ["worker-02", "False"],
        ["worker-03", undefined],
      ],
    );
    assert.ok(JSON.stringify(kubernetes).length < 10_000);
  });

  it("is JSON for whoever asks by hand, and says nothing there that controls a terminal", () => {
    const said = ask(nodes, "");
    assert.equal(report.parse(JSON.parse(said)).kubernetes?.nodes.length, 4);
    assert.doesNotMatch(said, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    // A machine that is not prepared has no jq.
    machine.write("bin/jq", "#!/bin/sh\nexit 127\n", 0o755);
    const bare = script.replace("command -v jq ", "command -v none-here ");
    assert.notEqual(bare, script);
    assert.equal(report.parse(JSON.parse(run("", bare))).lock?.node, "master-01", "it needs jq");
  });

  it("is the steps that were noted, with when and for which life", () => {
    assert.deepEqual(readReport(run("--report"), report).steps, {});
    machine.write(
      "var/lib/cluster-state/steps/ceph-osd-sdb",
      "at=2026-01-01T00:00:00Z\nidentity=x\n",
    );
    machine.write("var/lib/cluster-state/steps/.claim.new", "at=2026-0");
    assert.deepEqual(readReport(run("--report"), report).steps, {
      "ceph-osd-sdb": { at: "2026-01-01T00:00:00Z", identity: "x" },
    });
  });

  it("is the units whose files the cluster put there, not those that others start", () => {
    const unit = (name: string) => `${machine.root}/etc/systemd/system/${name}\n`;
    const others = [`${machine.root}/etc/systemd/system/\n`, unit("etcd.service.d/a.conf")];
    const files = ["etcd.service", "approve.service", "approve.timer"].map(unit);
    machine.write("var/lib/cluster-state/files", [...others, ...files].join(""));
    const shown = (name: string, state: string) =>
      `Id=${name}\nLoadState=loaded\nUnitFileState=${state}\nActiveState=active\nSubState=running\nNRestarts=0\n`;
    const answer = [
      shown("etcd.service", "enabled"),
      shown("approve.service", "static"),
      shown("approve.timer", "enabled"),
      shown("containerd.service", "disabled"),
    ].join("\n");
    machine.write("state/shown", answer);
    machine.remove("bin/systemctl");
    machine.write(
      "bin/systemctl",
      `#!/bin/bash\necho "systemctl $*" >>${machine.root}/calls\ncase $* in *NRestarts*) cat ${machine.root}/state/shown ;; esac\n`,
      0o755,
    );
    const units = () => readReport(run("--report"), report).units.map(({ name }) => name);
    assert.deepEqual(units(), ["etcd", "approve.timer", "containerd"]);
    const asked = () =>
      machine
        .read("calls")
        .split("\n")
        .find((call) => /^systemctl show .*NRestarts/.test(call))
        ?.split(" ")
        .slice(4);
    assert.deepEqual(asked(), [
      "etcd.service",
      "approve.service",
      "approve.timer",
      "containerd.service",
    ]);
    machine.write("etc/ceph/ceph.conf", "");
    units();
    assert.ok(asked()?.includes("ceph-osd@*.service"));
  });

  it("is which settings of the kernel are not the cluster's, or will not be after the next boot", () => {
    const settings = () => readReport(run("--report"), report).settings;
    machine.write("etc/sysctl.d/99-db.conf", "kernel.panic = 60\n");
    assert.deepEqual(settings(), [], "a machine without ours");
    machine.write(
      "etc/sysctl.d/90-groundwork.conf",
      "kernel.panic = 10\nvm.overcommit_memory = 1\nnet.ipv4.ip_forward = 1\n",
    );
    for (const [path, value] of [
      ["kernel/panic", "10"],
      ["vm/overcommit_memory", "2"],
    ])
      machine.write(`proc/sys/${path}`, `${value}\n`);
    machine.write("usr/local/lib/sysctl.d/95-a.conf", "-net/ipv4/ip_forward=0\nkernel.panic=1\n");
    machine.write("run/sysctl.d/10-a.conf", "vm.overcommit_memory = 0\n");
    assert.deepEqual(settings(), [
      {
        key: "kernel.panic",
        wanted: "10",
        now: "10",
        file: `${machine.root}/etc/sysctl.d/99-db.conf`,
      },
      {
        key: "net.ipv4.ip_forward",
        wanted: "1",
        now: "1",
        file: `${machine.root}/usr/local/lib/sysctl.d/95-a.conf`,
      },
      { key: "vm.overcommit_memory", wanted: "1", now: "2" },
    ]);
  });

  const request = (name: string, user = "system:node:worker-01") => ({
    metadata: { name, creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { signerName: "kubernetes.io/kubelet-serving", username: user, request: "x" },
    status: {},
  });

  it("is when certificates end, of an OpenSSL that prints times in one way only", () => {
    replace("openssl", 'case "$*" in *-dateopt*) exit 1 ;; esac; exec /usr/bin/openssl "$@"');
    const made = spawnSync(
      "openssl",
      "req -x509 -newkey rsa:2048 -noenc -keyout /dev/null -days 10 -subj /CN=test".split(" "),
      { encoding: "utf8" },
    );
    machine.write("etc/kubernetes/pki/ca.crt", made.stdout);
    machine.write("etc/kubernetes/pki/front-proxy-ca.crt", "no certificate");
    const [certificate, none] = readReport(ask([], "--report"), report).certificates ?? [];
    assert.match(certificate?.expires ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const days = (Date.parse(certificate?.expires ?? "") - Date.now()) / 86_400_000;
    assert.ok(days > 9.9 && days <= 10, `${days} days`);
    assert.equal(none?.expires, null);
  });

  it("is told in time and within bounds, however long the texts of Nodes and requests are", () => {
    const long = "é".repeat(200_000);
    const hostile = nodeWith("worker-04", [
      { type: long, status: "True" },
      { type: "Ready", status: long, message: long },
    ]);
    hostile.status.nodeInfo.kubeletVersion = long;
    const requests = Array.from({ length: 6 }, (_, i) => request("n".repeat(700_000) + i, long));
    const [said, seconds] = timed(() => ask([...nodes, hostile], "--report", requests));
    const { kubernetes } = readReport(said, report);
    assert.equal(kubernetes?.nodes.length, 5);
    assert.equal(kubernetes.requests?.length, 6);
    assert.deepEqual(kubernetes.workloads, [{ name: "coredns", ready: 0, wanted: 2 }]);
    assert.deepEqual(kubernetes.kubelets, [{ name: "master-01", reached: true }]);
    assert.ok(said.length < 30_000, `${said.length} characters`);
    assertWithin(4, seconds);
  });

  it("is told without the requests where they are more than can be read", () => {
    const flood = Array.from({ length: 40 }, () => request("n".repeat(1_000_000)));
    const { kubernetes } = readReport(ask(nodes, "--report", flood), report);
    assert.equal(kubernetes?.nodes.length, 4);
    assert.equal(kubernetes.requests, null);
    assert.match(machine.read("state/asked"), /certificatesigningrequests\?limit=500 /);
  });

  it("is told in six seconds, though API server and etcd accept and say nothing", () => {
    machine.write("etc/systemd/system/etcd.service", "");
    replace("curl", 'echo "$@" >>"$FAKE_ROOT/state/asked"; exec sleep 20');
    replace("etcdctl", "exec sleep 20");
    const [said, seconds] = timed(() => run("--report"));
    const { kubernetes, etcd } = readReport(said, report);
    assert.equal(kubernetes, undefined);
    assert.deepEqual([etcd?.healthy, etcd?.members], [false, []]);
    assert.doesNotMatch(machine.read("state/asked"), /healthz/);
    assertWithin(6, seconds);
  });

  it("is told of an API server that answers slowly, and of kubelets that say nothing", () => {
    ask(nodes, "--report");
    replace(
      "curl",
      'case "$*" in */proxy/*) patience=${*#*--max-time }; exec sleep ${patience%% *} ;; *requests*) echo "{\\"items\\":[]}" ;; */version*) sleep 3.4; cat "$FAKE_ROOT/state/answers" ;; esac',
    );
    const [said, seconds] = timed(() => run("--report"));
    assert.equal(readReport(said, report).kubernetes?.nodes.length, 4);
    assertWithin(6, seconds);
  });

  it("asks nothing by a proxy of the environment", () => {
    const calls = script.split("\n").filter((line) => /(^ *|[(])curl -/.test(line));
    assert.equal(calls.length, 2);
    for (const call of calls) assert.match(call, /--noproxy ['"]\*['"]/);
    ask(nodes, "--report");
    const asked = machine.read("state/asked").split("--silent ").slice(1);
    assert.equal(asked.length, 3);
    for (const one of asked) assert.match(one, /^--noproxy \* /);
  });

  it("hears daemons of Ceph beside sockets that say too much, or too slowly", async () => {
    machine.remove("bin/python3");
    machine.write("run/ceph/x", "");
    const server = spawn("python3", ["-c", sockets, `${machine.root}/run/ceph/ceph-`]);
    try {
      await new Promise((resolve) => server.stdout.once("data", resolve));
      const [said, seconds] = timed(() => run("--report"));
      assert.deepEqual(readReport(said, report).cephDaemons, [
        { name: "mgr.vast", state: "no answer" },
        { name: "mon.good", state: "leader", version: "18" },
        { name: "osd.0", state: "no answer" },
        { name: "osd.1", state: "no answer" },
        { name: "osd.2", state: "no answer" },
      ]);
      assertWithin(6, seconds);
    } finally {
      server.kill();
    }
  });

  describe("of packages", () => {
    const packages = () => readReport(run("--report"), report).packages;
    beforeEach(() => machine.write("state/kernel", "6.12.9-amd64\n"));

    it("is how many an upgrade would install, by the lists that lie there", () => {
      assert.deepEqual(packages(), {}, "there are no lists");
      machine.write("var/lib/apt/lists/deb_dists_trixie_main_binary-amd64_Packages", "");
      machine.write("state/would", "Inst a [1] (2 x)\nInst b (3 x)\nConf a (2 x)\n");
      const { outdated, lists = 0, restart } = packages();
      assert.deepEqual([outdated, restart], [2, undefined]);
      assert.ok(Math.abs(lists - Date.now() / 1000) < 60, `${lists}`);
      machine.write("state/would", "");
      assert.equal(packages().outdated, 0);
      machine.write("state/would", "E: The package cache file is corrupted\n");
      assert.equal(packages().outdated, undefined, "an error is no number");
    });

    it("is why the machine is to be restarted: a newer kernel, or what packages ask for", () => {
      for (const kernel of ["6.12.9-amd64", "6.12.10-amd64", "6.1.0-44-amd64"])
        machine.write(`boot/vmlinuz-${kernel}`, "");
      assert.equal(packages().restart, "kernel 6.12.10-amd64 is installed, and 6.12.9-amd64 runs");
      machine.remove("boot/vmlinuz-6.12.10-amd64");
      assert.equal(packages().restart, undefined);
      machine.write("run/reboot-required", "");
      assert.equal(packages().restart, "packages ask for it");
      machine.write("run/reboot-required.pkgs", "libc6\ndbus\nlibc6\n");
      assert.equal(packages().restart, "packages ask for it: dbus libc6");
    });
  });
});

/** One daemon that answers, one that names more than it may and sends some of it, and three that let one wait. */
const sockets = `
import json, socket, sys, threading, time
def serve(name, answer):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1] + name + ".asok")
    listener.listen()
    def each():
        while True: threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=each, daemon=True).start()
def good(connection):
    text = json.dumps({"version": "18", "state": "leader"}).encode()
    connection.sendall(len(text).to_bytes(4, "big") + text)
def vast(connection):
    connection.sendall(b"\\0\\x20\\0\\0" + json.dumps({"version": "x" * (2 ** 21 - 15)}).encode())
def slow(connection):
    connection.sendall(b"\\0\\0\\1\\0")
    while True:
        time.sleep(0.5)
        connection.sendall(b" ")
serve("mon.good", good)
serve("mgr.vast", vast)
for osd in range(3): serve(f"osd.{osd}", slow)
print("ready", flush=True)
time.sleep(60)
`;
