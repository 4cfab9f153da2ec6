import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readProgram } from "../graph/program";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { commands } from "../graph/select";
import { assertRefused, FakeMachine, type Outcome, programOf, replaced } from "./fakeMachine";
import { clusterId, inviteOf, stepOf, take } from "./furnish";

/** Programs of every script that a cluster's nodes run, with the name of one resource that runs it. */
function programs(...graphs: readonly Graph[]) {
  const found = new Map<string, { readonly program: string; readonly urn: string }>();
  for (const command of graphs.flatMap(commands)) {
    const program = command.program;
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
      const at = `${script}.sh (${urn})`;
      assert.equal(status, 1, `${at} goes on under another cluster's lock`);
      assert.match(stderr, /another-cluster/, `${at} does not name the other cluster`);
      assert.ok(stderr.includes(clusterId), `${at} does not name its own cluster`);
      assert.match(stderr, /what to do: /, at);
      assert.deepEqual(machine.snapshot(), before, `${at} writes before it looks at the lock`);
      const acting = calls.filter((call) => !/^(renice|id|logger) /.test(call));
      assert.deepEqual(acting, [], `${at} acts before it looks at the lock`);
    }
  });

  /** In the order of a cluster that comes up; `claim` last, as the lock is there already. */
  const order: readonly (readonly [string, readonly string[]])[] = [
    ["master-01", ["prepare", "credentials", "genesis", "control-plane", "admit", "claim"]],
    ["master-02", ["credentials", "etcd", "kubelet"]],
    ["worker-01", ["prepare", "credentials", "kubelet"]],
  ];
  for (const [node, steps] of order) {
    it(`changes ${node} once, and nothing the second time: ${steps.join(", ")}`, () => {
      take(machine, small, node);
      for (const step of steps) {
        const program = stepOf(small, node, step);
        const at = `${step}.sh`;
        const first = machine.run(program);
        assert.equal(first.status, 0, `${at}: ${first.stderr}`);
        assert.match(first.stdout, /^changed: \d+$/, `${at} says '${first.stdout}' the first time`);
        assertConverged(at, program);
      }
      if (node.startsWith("master-")) assertMember(node);
    });
  }

  for (const [what, network, restarts] of [
    ["leaves flanneld alone that has the Node's pod network", "10.244.6.1/24", 0],
    ["starts flanneld anew that has the network of a former Node", "10.244.4.1/24", 1],
  ] as const) {
    it(what, () => {
      take(machine, small, "worker-01");
      const path = "state/api/api_v1_nodes_worker-01";
      const node = JSON.parse(machine.read(path)) as object;
      machine.write(path, JSON.stringify({ ...node, spec: { podCIDR: "10.244.6.0/24" } }));
      machine.write("var/lib/kubelet/pki/kubelet-client-current.pem", "certificate");
      machine.write("run/flannel/subnet.env", `FLANNEL_SUBNET=${network}\n`);
      const kubelet = programOf(small, "worker-01-kubelet");
      const program = replaced(replaced(kubelet, "poll 20", "poll 0"), "wait_for 60", "wait_for 1");
      const { status, stderr, calls } = machine.run(program);
      assert.equal(status, restarts, `steps/kubelet/kubelet.sh: ${stderr}`);
      assert.equal(
        calls.filter((call) => /^systemctl restart .*flanneld/.test(call)).length,
        restarts,
        "steps/kubelet/kubelet.sh",
      );
      if (restarts) assert.match(stderr, /flannel did not take the Node's pod network/);
    });
  }

  it("lets no node in whose large packets get lost, and leaves one that is in to the status", () => {
    take(machine, small, "worker-01");
    const own = "state/api/api_v1_nodes_worker-01";
    const node = JSON.parse(machine.read(own)) as object;
    machine.write(own, JSON.stringify({ ...node, spec: { podCIDR: "10.244.6.0/24" } }));
    const others = { "master-01": "10.244.0.0/24", "worker-02": "10.244.8.0/23" };
    machine.write(
      "state/api/api_v1_nodes",
      JSON.stringify({
        items: Object.entries(others).map(([name, podCIDR]) => ({
          metadata: { name },
          spec: { podCIDR },
        })),
      }),
    );
    machine.write("var/lib/kubelet/pki/kubelet-client-current.pem", "certificate");
    machine.write("run/flannel/subnet.env", "FLANNEL_SUBNET=10.244.6.1/24\nFLANNEL_MTU=1450\n");
    machine.write(
      "state/flannel.routes",
      JSON.stringify(Object.values(others).map((dst) => ({ dst, gateway: "x", flags: [] }))),
    );
    machine.write("state/addresses", "eth0 10.0.0.21/24\n");
    machine.write("sys/class/net/eth0/mtu", "1500\n");
    const program = replaced(programOf(small, "worker-01-kubelet"), "poll 6", "poll 0");
    const passes = (text: string) => machine.write("state/passes", text);
    passes("10.244.0.254 1450\n10.244.9.254 1350\n");
    const outcome = machine.run(program);
    assertRefused(
      outcome,
      /packets of full size do not pass between pods of worker-01 and of worker-02: flannel reckons with 1450 bytes \(card eth0: 1500\), and the largest that passes has 1350\n/,
      /take packets of 1500 bytes, or set cluster\.networking\.flannel\.mtu: 1350; then run/,
    );
    const [asked = ""] = outcome.calls.filter((call) => call.includes("path-mtu 1450"));
    assert.match(asked, /^ip netns exec groundwork-probe \S+\/path-mtu 1450 10\.244\./);
    assert.deepEqual(asked.split(" ").slice(-2).sort(), ["10.244.0.254", "10.244.9.254"]);
    passes("10.244.0.254 0\n10.244.9.254 1450\n");
    const { status, stderr } = machine.run(program);
    assert.equal(status, 0, `a node that is down: ${stderr}`);
    passes("10.244.9.254 1350\n");
    machine.write("var/lib/cluster-state/cluster-joined", "2026-01-01T00:00:00Z");
    assert.equal(machine.run(program).status, 0, "a node that is in");
  });

  it("takes off the timer that looked at requests in the release before, and forgets it", () => {
    take(machine, small, "master-01");
    for (const step of ["prepare", "credentials", "genesis"])
      assert.equal(machine.run(stepOf(small, "master-01", step)).status, 0, step);
    const former = [
      "etc/systemd/system/groundwork-approve.service",
      "etc/systemd/system/groundwork-approve.timer",
      "usr/local/lib/groundwork/approve",
      "usr/local/lib/groundwork/judge-csr",
    ];
    for (const path of former) machine.write(path, "");
    const record = "var/lib/cluster-state/files";
    const lines = machine.read(record);
    machine.write(record, former.map((path) => `${machine.root}/${path}\n`).join("") + lines);
    const program = stepOf(small, "master-01", "control-plane");
    const { status, stderr, calls } = machine.run(program);
    assert.equal(status, 0, stderr);
    assert.ok(calls.includes("systemctl disable --quiet --now groundwork-approve.timer"));
    for (const path of former) assert.ok(!machine.exists(path), path);
    const kept = machine.read(record);
    assert.doesNotMatch(kept, /groundwork-approve|\/(approve|judge-csr)$/m);
    for (const line of lines.trim().split("\n")) assert.ok(kept.split("\n").includes(line), line);
    assert.match(kept, /groundwork-admission\.service$/m);
    assert.equal(machine.run(program).stdout, "unchanged");
  });

  it("takes away the taints that it once set, and leaves those of others", () => {
    take(machine, small, "master-01");
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
    const path = "state/api/api_v1_nodes_worker-01";
    const foreign = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };
    const node = JSON.parse(machine.read(path)) as object;
    machine.write(path, JSON.stringify({ ...node, spec: { taints: [foreign] } }));
    const taints = () =>
      (JSON.parse(machine.read(path)) as { spec: { taints: unknown } }).spec.taints;
    const own = [{ key: "disk", value: "slow", effect: "NoSchedule" }];
    for (const wanted of [own, []]) {
      const vars = { TAINTS: JSON.stringify(wanted) };
      const { status, stderr } = machine.run(programOf(small, "worker-01-admit", vars));
      assert.equal(status, 0, `steps/admit/admit.sh: ${stderr}`);
      assert.deepEqual(taints(), [foreign, ...wanted], "steps/admit/admit.sh");
    }
  });

  it("lets a node in by what is declared of it, whatever the node says of itself", () => {
    take(machine, small, "master-01");
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
    const path = "state/api/api_v1_nodes_worker-01";
    const node = JSON.parse(machine.read(path)) as object;
    const quarantine = [{ key: "quarantine", value: "yes", effect: "NoSchedule" }];
    const metadata = {
      annotations: {
        "groundwork/identity": "uuid-of-worker-01-identity",
        "groundwork/taints": JSON.stringify(quarantine),
      },
    };
    machine.write(path, JSON.stringify({ ...node, metadata, spec: { taints: quarantine } }));
    const declared = () => {
      const map = "state/api/api_v1_namespaces_kube-system_configmaps_groundwork-nodes";
      const { data } = JSON.parse(machine.read(map)) as { data: Record<string, string> };
      return JSON.parse(data["worker-01"] ?? "") as Record<string, unknown>;
    };
    assert.equal(machine.run(inviteOf(small, "worker-01", "master-01")).stdout, "changed: 1");
    assert.equal(declared().token, "abcdef", "the node told who it is");
    const first = machine.run(programOf(small, "worker-01-admit"));
    assert.equal(first.status, 0, first.stderr);
    const { spec } = JSON.parse(machine.read(path)) as { spec: { taints: unknown } };
    assert.deepEqual(spec.taints, quarantine, "the node had a taint taken off itself");
    const identity = "uuid-of-worker-01-identity";
    assert.deepEqual(declared(), { ip: "10.0.0.21", identity, taints: [] });
    assert.equal(machine.run(programOf(small, "worker-01-admit")).stdout, "unchanged");
  });

  it("asks anew for what its kubelet serves with when it is of another authority", () => {
    take(machine, small, "worker-01");
    machine.run(stepOf(small, "worker-01", "credentials"));
    const kubelet = stepOf(small, "worker-01", "kubelet");
    machine.write("etc/kubernetes/flanneld.conf", "a key for all Nodes");
    assert.equal(machine.run(kubelet).status, 0);
    assert.ok(!machine.exists("etc/kubernetes/flanneld.conf"), "it could change any Node");
    const pki = "var/lib/kubelet/pki";
    const authority = (name: string) => {
      const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null";
      const made = spawnSync("openssl", `req -x509 ${key} -subj /CN=${name}`.split(" "));
      assert.equal(made.status, 0, String(made.stderr));
      return String(made.stdout);
    };
    const [old, present] = [authority("old"), authority("present")];
    machine.write("etc/kubernetes/pki/kubelet-serving-ca.crt", present);
    for (const [certificate, kept] of [
      [old, false],
      [present, true],
    ] as const) {
      machine.write(`${pki}/kubelet-server-current.pem`, certificate);
      const { status, stdout, stderr, calls } = machine.run(kubelet);
      assert.equal(status, 0, `steps/kubelet/kubelet.sh: ${stderr}`);
      assert.equal(machine.exists(`${pki}/kubelet-server-current.pem`), kept);
      assert.equal(stdout === "unchanged", kept, stderr);
      const acts = calls.filter((call) => /^systemctl (stop|start|restart) .*kubelet/.test(call));
      assert.equal(acts.length, kept ? 0 : 2, acts.join());
    }
  });

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
