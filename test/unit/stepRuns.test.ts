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
import { readProgram } from "../graph/program";
import { type Graph, reveal } from "../graph/record";
import { recordSample } from "../graph/samples";
import { commands } from "../graph/select";
import { assertRefused, FakeMachine, type Outcome, programOf } from "./fakeMachine";
import { clusterId, furnish, stepOf } from "./furnish";

/** Programs of every script that a cluster's nodes run, with the name of one resource that runs it. */
function programs(...graphs: readonly Graph[]) {
  const found = new Map<string, { readonly program: string; readonly urn: string }>();
  for (const command of graphs.flatMap(commands)) {
    const program = reveal(command.inputs.stdin) as string;
    const { variables, undo } = readProgram(program);
    for (const script of [variables.STEP, undo])
      if (script !== undefined) found.set(script, { program, urn: command.urn });
  }
  return found;
}

describe("a step on a machine", function () {
  this.timeout(120_000);
  let small: Graph;
  let all: ReturnType<typeof programs>;
  let machine: FakeMachine;
  before(async () => {
    small = await recordSample("small");
    all = programs(small, await recordSample("ceph"), await recordSample("lost"));
  });
  beforeEach(() => {
    machine = new FakeMachine();
  });
  afterEach(() => machine.close());

  it("of another cluster dies before it changes anything, and names both", () => {
    assert.ok(all.size > 25, `${all.size} scripts`);
    for (const [script, { program, urn }] of all) {
      if (script === "lost") continue;
      const { variables, undo } = readProgram(program);
      machine.lock("another-cluster", variables.NODE ?? "");
      const before = machine.snapshot();
      const { status, stderr, calls } = machine.run(program, undo === script ? "delete" : "create");
      const at = `scripts/${script}.sh (${urn})`;
      assert.equal(status, 1, `${at} goes on under another cluster's lock`);
      assert.match(stderr, /another-cluster/, `${at} does not name the other cluster`);
      assert.ok(stderr.includes(clusterId), `${at} does not name its own cluster`);
      assert.match(stderr, /what to do: /, at);
      assert.deepEqual(machine.snapshot(), before, `${at} writes before it looks at the lock`);
      const acting = calls.filter((call) => !/^(renice|id) /.test(call));
      assert.deepEqual(acting, [], `${at} acts before it looks at the lock`);
    }
  });

  /** Makes a machine one that is taken, in a world in which all is up. */
  function taken(node: string): void {
    furnish(machine, small, node);
    machine.lock(clusterId, node);
    machine.write("etc/hostname", `${node}\n`);
    machine.write("etc/hosts", "127.0.0.1 localhost\n");
  }

  /** In the order of a cluster that comes up; `claim` last, as the lock is there already. */
  const order: readonly (readonly [string, readonly string[]])[] = [
    ["master-01", ["prepare", "credentials", "genesis", "control-plane", "admit", "claim"]],
    ["master-02", ["credentials", "etcd", "kubelet"]],
    ["worker-01", ["prepare", "credentials", "kubelet"]],
  ];
  for (const [node, steps] of order) {
    it(`changes ${node} once, and nothing the second time: ${steps.join(", ")}`, () => {
      taken(node);
      for (const step of steps) {
        const program = stepOf(small, node, step);
        const at = `scripts/${step}.sh`;
        const first = machine.run(program);
        assert.equal(first.status, 0, `${at}: ${first.stderr}`);
        assert.match(first.stdout, /^changed: \d+$/, `${at} says '${first.stdout}' the first time`);
        assertConverged(at, program);
      }
      if (node.startsWith("master-")) assertMember(node);
    });
  }

  /** What etcd reads when it starts without data: the first begins a cluster, all others join it. */
  function assertMember(node: string): void {
    const settings = Object.fromEntries(
      machine
        .read("etc/etcd/initial.env")
        .split("\n")
        .map((line) => /^(\w+)=(.*)$/.exec(line)?.slice(1) ?? []),
    ) as Record<string, string>;
    const isFirst = node === "master-01";
    assert.equal(settings.ETCD_INITIAL_CLUSTER_STATE, isFirst ? "new" : "existing", node);
    assert.equal(settings.ETCD_INITIAL_CLUSTER_TOKEN, clusterId, "another cluster's etcd may join");
    const members = isFirst ? ["master-01"] : ["master-01", "master-03", "master-02"];
    const urls = members.map((name) => `${name}=https://10.0.0.1${name.at(-1)}:2380`);
    assert.equal(settings.ETCD_INITIAL_CLUSTER, urls.join(","), node);
  }

  it("mends a file that somebody changed, and replaces it as a whole", () => {
    taken("worker-01");
    const credentials = programOf(small, "worker-01-credentials");
    machine.write("run/groundwork/admin.pem", "made of the administrator's former certificate");
    machine.run(credentials);
    assert.ok(!machine.exists("run/groundwork/admin.pem"), "scripts/credentials.sh");
    const path = join(machine.root, "etc/kubernetes/kube-proxy.conf");
    const wanted = readFileSync(path, "utf8");
    chmodSync(path, 0o644);
    const { stdout, calls } = machine.run(credentials);
    assert.equal(stdout, "changed: 1", "it does not look at the mode");
    assert.ok(
      calls.some((call) => /^chown \d+:\d+ .*\/etc\/kubernetes\//.test(call)),
      "it belongs to whoever made it",
    );
    assert.equal(statSync(path).mode & 0o777, 0o600);
    if (process.getuid?.() === 0) {
      chownSync(path, 12345, 12345);
      assert.equal(machine.run(credentials).stdout, "changed: 1", "it does not look at the owner");
    }
    writeFileSync(path, "mine");
    linkSync(path, `${path}.open`);
    assert.equal(machine.run(credentials).stdout, "changed: 1", "it does not look at the text");
    assert.equal(readFileSync(path, "utf8"), wanted);
    assert.equal(readFileSync(`${path}.open`, "utf8"), "mine", "a reader sees half of a file");
  });

  it("fetches again what a power cut left of a download", () => {
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

  it("restarts what reads a file that changed, and nothing else", () => {
    taken("worker-01");
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

  it("tells the kubelet what only the machine knows", () => {
    taken("worker-01");
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

  it("puts back what it replaced when it fails", () => {
    taken("worker-01");
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

  /** A second run says so, restarts nothing and leaves every file as it was. */
  function assertConverged(at: string, program: string): void {
    const before = machine.snapshot();
    const { status, stdout, stderr, calls }: Outcome = machine.run(program);
    assert.equal(status, 0, `${at}, run again: ${stderr}`);
    assert.equal(stdout, "unchanged", `${at}, run again: ${stderr}`);
    const acting = calls.filter((call) =>
      /^systemctl (?!is-|show)|^(apt-get|useradd|hostname .|sysctl -qw)|^curl (?!GET)/.test(call),
    );
    // Server-side apply of what is there already changes nothing.
    const applied = acting.filter((call) => !/^curl PATCH .*fieldManager=/.test(call));
    assert.deepEqual(applied, [], `${at}, run again, acts`);
    assert.ok(!calls.some((call) => /--insecure/.test(call)), `${at} talks to anybody`);
    const half = before.find((line) => /^\S*\/\.(\S+\.new|groundwork\.\S+) /.test(line));
    assert.equal(half, undefined, `${at} leaves what it has half written`);
    const same = (lines: readonly string[]) => lines.filter((line) => !/^state\/api/.test(line));
    assert.deepEqual(same(machine.snapshot()), same(before), `${at}, run again, writes`);
  }
});
