import assert from "node:assert/strict";
import { assertIsTheFile, assertUsable, fileNodes } from "./expected";
import { converge, destroyCommand, editCluster, eventually, kubectl, must, on } from "./lab";
import { preview, run, stepsOf, up } from "./lab";
import { workload } from "./workload";

// As UPGRADES names them in test/run.sh.
const [first, second] = [
  { containerd: "2.3.6", runc: "1.5.2" },
  { containerd: "2.3.7", runc: "1.5.3" },
];
const worker = "worker-01";
const place = "/usr/local/lib/groundwork";
const dropIns = "/etc/systemd/system/containerd.service.d";

const set = (versions?: { readonly containerd: string; readonly runc: string }) =>
  editCluster((file) => {
    for (const part of ["containerd", "runc"] as const)
      if (versions === undefined) file.deleteIn(["cluster", "versions", part]);
      else file.setIn(["cluster", "versions", part], versions[part]);
  });

const says = (node: string, command: string) => on(node, command).stdout.trim();
/** The version that answers. */
const runs = (node: string) =>
  says(node, "ctr version | sed -n '/^Server:/,$ s/^ *Version: *v\\{0,1\\}//p'");
const folders = (node: string) =>
  says(node, `cd ${place} && ls -d containerd-* runc-*`).split("\n");

/** Pods with the ids of their containers, and how often these were restarted, `namespace/pod: ids restarts`. */
const containers = () =>
  kubectl(
    `get pods -A -o jsonpath='{range .items[*]}{.metadata.namespace}/{.metadata.name}: {.status.containerStatuses[*].containerID} {.status.containerStatuses[*].restartCount}{"\\n"}{end}'`,
  )
    .split("\n")
    .filter((line) => /: containerd:/.test(line))
    .sort();

/** When services of a node started. */
const started = (node: string) =>
  says(
    node,
    "for unit in kubelet kube-proxy flanneld etcd kube-apiserver kube-api-proxy; do echo $unit $(systemctl show -P ExecMainStartTimestampMonotonic $unit); done",
  );
const all = () => fileNodes().map((node) => `${node}\n${started(node)}`);

/** A pod that writes the time, five times a second, of which no line may be missing. */
const writer = `
apiVersion: v1
kind: Pod
metadata: { name: writer }
spec:
  nodeName: ${worker}
  terminationGracePeriodSeconds: 0
  containers:
    - name: writer
      image: docker.io/library/busybox:1
      command: [sh, -c, 'while :; do read up _ </proc/uptime; echo $up; sleep 0.2; done']
`;
/** The longest time between two lines of the writer. */
function longestGap(): number {
  const times = kubectl("logs writer").trim().split("\n").map(Number);
  assert.ok(times.length > 5, times.join(" "));
  return Math.max(...times.slice(1).map((time, i) => time - (times[i] ?? 0)));
}

const bundles = "/run/containerd/io.containerd.runtime.v2.task/k8s.io";
const containerOf = (pod: string) =>
  kubectl(`get pod ${pod} -o jsonpath='{.status.containerStatuses[0].containerID}'`).replace(
    "containerd://",
    "",
  );

/** A container that dies has another in its pod, by the shim that the pod was started with. */
async function starts(pod: string): Promise<void> {
  const dead = containerOf(pod);
  must(`lab/ssh ${worker} 'kill -KILL $(cat ${bundles}/${dead}/init.pid)'`);
  await eventually(() => assert.notEqual(containerOf(pod), dead), 60);
  kubectl(`wait --for=condition=Ready pod/${pod} --timeout=60s`);
  kubectl(`exec ${pod} -- true`);
}

/** A new pod starts there, and what it was started by. */
function startsPods(name: string): string {
  const pod = writer.replaceAll("name: writer", `name: ${name}`).replace("while", "sleep 1; while");
  kubectl("apply -f -", pod);
  kubectl(`wait --for=condition=Ready pod/${name} --timeout=60s`);
  kubectl(`exec ${name} -- true`);
  return says(
    worker,
    `bundle=${bundles}/${containerOf(name)}
    tr '\\0' '\\n' </proc/$(awk '/^PPid/ { print $2 }' /proc/$(cat $bundle/init.pid)/status)/environ | sed -n 's/^PATH=//p'`,
  );
}

/** On the machines of pair.yaml. */
describe(`containerd of Debian, ${first.containerd} and ${second.containerd}`, function () {
  this.timeout(600_000);
  let debian: string;

  before(async () => {
    must("pulumi stack select dev --create");
    converge();
    debian = runs(worker);
    workload(2);
    kubectl("apply -f -", writer);
    kubectl("wait --for=condition=Ready pod/writer --timeout=60s");
    await assertUsable();
  });

  /** An `up` by which nodes get these, no pod is restarted, and no service but containerd. */
  const goes = async (to: typeof first) => {
    const before = { pods: containers(), services: all() };
    set(to);
    const result = up();
    assert.equal(result.status, 0, result.output);
    for (const node of fileNodes()) assert.equal(runs(node), to.containerd);
    await eventually(() => assert.deepEqual(containers(), before.pods), 30);
    assert.deepEqual(all(), before.services);
    assert.ok(longestGap() < 2, `${longestGap()} s`);
    must("pulumi preview --non-interactive --expect-no-changes");
  };

  it("shows in a preview who gets it, one after the other", () => {
    const restore = set(first);
    const { status, output } = preview();
    restore();
    assert.equal(status, 0, output);
    const then = "pods run on, one line after the other:\\n *master-01\\n *worker-01";
    assert.match(
      output,
      new RegExp(`containerd the distribution's -> ${first.containerd}, ${then}`),
    );
  });

  it("stops where it does not start, and the former runs on, also when the machine loses power", async () => {
    const before = containers();
    const broken = `${dropIns}/zz-broken.conf`;
    on(
      worker,
      `mkdir -p ${dropIns} && printf '[Service]\\nExecStartPre=/bin/sh -c "case $PATH in *containerd-2*) echo cannot start as this test wants; exit 1; esac"\\n' >${broken} && systemctl daemon-reload`,
    );
    set(first);
    const { status, output } = up();
    assert.notEqual(status, 0, output);
    assert.match(output, /containerd 2\.3\.6 did not start/);
    assert.match(output, /cannot start as this test wants/);
    await eventually(() => assert.equal(runs(worker), debian), 60);
    assert.equal(runs("master-01"), first.containerd);
    assert.deepEqual(containers(), before);
    on(worker, `rm ${broken} && systemctl daemon-reload`);
    // It has the new version, and starts the old one.
    assert.ok(folders(worker).includes(`containerd-${first.containerd}`));
    must(`lab/node kill ${worker} && lab/node start ${worker}`);
    await eventually(() => assert.equal(runs(worker), debian), 60);
    kubectl("wait --for=condition=Ready pod --all --timeout=120s");
    await assertUsable();
  });

  it("goes to upstream's, and pods do not notice", async () => {
    await goes(first);
    const path = startsPods("second");
    assert.ok(
      path.includes(`${place}/containerd-${first.containerd}:${place}/runc-${first.runc}:`),
      path,
    );
    await starts("writer");
    await assertIsTheFile();
  });

  it("goes to the next patch, and what containers were started with stays", async () => {
    await goes(second);
    const there = [first, second].flatMap(({ containerd, runc }) => [
      `containerd-${containerd}`,
      `runc-${runc}`,
    ]);
    assert.deepEqual(folders(worker).sort(), there.sort());
    for (const pod of ["second", "writer"]) kubectl(`exec ${pod} -- true`);
    for (const pod of ["second", "writer"]) await starts(pod);
    assert.ok(startsPods("third").includes(`${place}/containerd-${second.containerd}:`));
    // A container of a shim of each version ends as it should, and another takes its place.
    kubectl("delete pod second writer --wait --timeout=60s");
    kubectl("delete pod -l app=web --wait --timeout=60s");
    kubectl("rollout status deployment/web --timeout=60s");
    assert.match(must("make --no-print-directory status 2>&1 || true"), /containerd 2\.3\.7[,\n]/);
    await assertIsTheFile();
  });

  it("does not go back to an older one of the distribution's while there are containers", async () => {
    const before = { pods: containers(), services: all() };
    set();
    const { status, output } = up();
    assert.notEqual(status, 0, output);
    assert.match(
      output,
      /containerd 1\.7\.\d+, the distribution's, cannot go on with the containers that 2\.3\.7 has here/,
    );
    for (const node of fileNodes()) assert.equal(runs(node), second.containerd);
    assert.deepEqual(containers(), before.pods);
    assert.deepEqual(all(), before.services);
    await assertUsable();
  });

  it("goes back where there are none", async () => {
    kubectl("delete pod third --wait");
    kubectl("delete deployment web --wait");
    kubectl("delete namespace data-plane --wait");
    kubectl("scale deployment coredns -n kube-system --replicas=0");
    await eventually(() => {
      for (const node of fileNodes())
        assert.equal(says(node, "ctr --namespace k8s.io containers list --quiet"), "", node);
    }, 90);
    const result = up();
    assert.equal(result.status, 0, result.output);
    assert.ok(stepsOf(result).length > 0, result.output);
    for (const node of fileNodes()) {
      assert.equal(runs(node), debian);
      assert.equal(says(node, `ls -d ${place}/containerd-* ${place}/runc-* 2>/dev/null`), "");
    }
    kubectl("scale deployment coredns -n kube-system --replicas=2");
    await assertIsTheFile();
  });

  it("leaves with the cluster", () => {
    set(second);
    const result = up();
    assert.equal(result.status, 0, result.output);
    assert.equal(runs(worker), second.containerd);
    assert.equal(run(destroyCommand, { seconds: 300 }).status, 0);
    assert.equal(
      says(
        worker,
        // The folder of drop-ins is this test's own.
        `ls -d ${place}/containerd-* ${place}/runc-* 2>/dev/null; ls -A ${dropIns} 2>/dev/null; pgrep -f containerd-shim`,
      ),
      "",
    );
  });
});
