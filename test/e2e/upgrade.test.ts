import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assertIsTheFile, assertNothingLost, fileNodes } from "./expected";
import {
  converge,
  editCluster,
  eventually,
  json,
  kubectl,
  must,
  on,
  preview,
  root,
  setNode,
  up,
} from "./lab";
import { killedAt } from "./operator";
import { startAsking, Watcher, workload } from "./workload";
import { Writer } from "./writer";

/** Versions that lab/artifacts/mirror.sh serves beside the lab's own, as UPGRADES named them. */
const served = Object.keys(
  JSON.parse(readFileSync(join(root, ".lab/artifacts/sha256.json"), "utf8")) as object,
).flatMap((key) => /^dl\.k8s\.io\/release\/v([\d.]+)\/.*\/kubelet$/.exec(key)?.[1] ?? []);
const [older = "", version = "", patch = ""] = served.sort();

/** Where workers find the API, and the masters' own addresses. */
const proxy = "127.0.0.1";
const masters = ["10.77.0.11", "10.77.0.12", "10.77.0.13"];
const setVersion = (to: string) =>
  editCluster((file) => file.setIn(["cluster", "kubernetes", "version"], to));
/** Flags by which the older version's API servers serve a version of an API that the next minor version neither serves nor reads. */
const setAlphaApi = () =>
  editCluster((file) =>
    file.setIn(["cluster", "kubernetes", "api_server", "extra_args"], {
      "feature-gates": "GenericWorkload=true",
      "runtime-config": "scheduling.k8s.io/v1alpha1=true",
    }),
  );
const kubelets = () =>
  json<{ items: { status: { nodeInfo: { kubeletVersion: string } } }[] }>(
    "kubectl get nodes -o json",
  ).items.map(({ status }) => status.nodeInfo.kubeletVersion);
/** Programs of Kubernetes that run on a node, by their paths. */
const programs = (node: string) =>
  on(node, "readlink /proc/[0-9]*/exe | grep -E '/kube(let|-)' | sort -u")
    .stdout.trim()
    .split("\n");
const started = (units: readonly string[]) =>
  fileNodes().map((node) =>
    units.map(
      (unit) => on(node, `systemctl show -P ExecMainStartTimestampMonotonic ${unit}`).stdout,
    ),
  );

function assertRuns(wanted: string): void {
  assert.deepEqual(new Set(kubelets()), new Set([`v${wanted}`]));
  for (const node of fileNodes()) {
    for (const path of programs(node)) assert.ok(path.includes(`/kubernetes-${wanted}/`), path);
    const folders = on(node, "ls -d /usr/local/lib/groundwork/kubernetes-*").stdout.trim();
    assert.equal(folders, `/usr/local/lib/groundwork/kubernetes-${wanted}`, node);
  }
  assert.doesNotMatch(kubectl("get nodes"), /SchedulingDisabled/);
}

/** On the machines of kubernetes.yaml, with two versions of Kubernetes beside the lab's own. */
describe(`Kubernetes ${older}, ${version} and ${patch}`, function () {
  this.timeout(900_000);
  let dropAlphaApi: () => void;

  /** An `up` under a client of the API and a Deployment of three, two of which its budget wants. */
  const upgradeTo = async (to: string) => {
    const others = started(["etcd", "containerd"]);
    setVersion(to);
    const writer = await Writer.start("api");
    const watcher = new Watcher();
    const asking = startAsking("worker-01", [proxy, ...masters]);
    const result = up();
    const api = asking.stop();
    const report = await writer.stop();
    const available = watcher.stop();
    assert.equal(result.status, 0, result.output);
    must("lab/ssh master-01 'ls /var/lib/groundwork/snapshots/*.before-upgrade.db.zst'");
    assertNothingLost(report);
    console.log(`      fewest pods available: ${available}`);
    for (const [at, { away, others }] of api)
      console.log(
        `      longest time without an answer at ${at}: ${away.toFixed(1)} s; ${others.length} others: ${[...new Set(others.map((one) => one.replace(/ after.*/, "")))].join(", ")}`,
      );
    assertRuns(to);
    assert.deepEqual(started(["etcd", "containerd"]), others, "something else was restarted");
    assert.ok(report.longestGap < 5, `the longest wait was ${report.longestGap} s`);
    assert.deepEqual(report.failed, []);
    assert.ok(available >= 2, `${available} pods were available`);
    for (const [at, { away }] of api) assert.ok(away < 5, `${at} was away for ${away} s`);
    assert.deepEqual(api.get(proxy)?.others, []);
    await assertIsTheFile();
  };

  before(function () {
    if (served.length < 3) {
      console.log(`    left out: the mirror has ${served.join(", ")} alone; see UPGRADES`);
      return this.skip();
    }
    must("pulumi stack select dev --create");
    setVersion(older);
    dropAlphaApi = setAlphaApi();
    converge();
    workload(2);
  });
  after(() => Writer.clean());

  it("shows in a preview who gets what, in which order", () => {
    const restore = setVersion(version);
    const { status, output } = preview("--diff");
    restore();
    assert.equal(status, 0, output);
    assert.match(
      output,
      new RegExp(`Kubernetes ${older} -> ${version}, one line after the other:`),
    );
    assert.match(output, /master-01: API server, then controller manager and scheduler/);
    assert.match(output, /worker-02: drained, then kubelet and service proxy/);
  });

  it("is refused before anything runs where a budget lets no pod go, by its name", () => {
    const before = started(["kube-apiserver", "kubelet"]);
    workload(3);
    const restore = setVersion(version);
    const { status, output } = up();
    restore();
    assert.notEqual(status, 0);
    assert.match(output, /upgrade failed on master-01 .*: the cluster cannot go to Kubernetes/);
    assert.match(output, /the budget default\/web allows no pod to go/);
    assert.deepEqual(started(["kube-apiserver", "kubelet"]), before);
    workload(2);
  });

  it("is refused where an object is stored in a version of an API that is removed, by its name", () => {
    const before = started(["kube-apiserver", "kubelet"]);
    kubectl(
      "create -f -",
      JSON.stringify({
        apiVersion: "scheduling.k8s.io/v1alpha1",
        kind: "Workload",
        metadata: { name: "old", namespace: "default" },
        spec: { podGroups: [{ name: "workers", policy: { basic: {} } }] },
      }),
    );
    dropAlphaApi();
    setVersion(version);
    const { status, output } = up();
    assert.notEqual(status, 0);
    assert.match(
      output,
      /default\/old of workloads is stored as scheduling\.k8s\.io\/v1alpha1, which Kubernetes 1\.\d+ does not read/,
    );
    assert.deepEqual(started(["kube-apiserver", "kubelet"]), before);
    kubectl("delete workloads.v1alpha1.scheduling.k8s.io old");
  });

  it("goes to the next minor version, every node drained, and is never away", () =>
    upgradeTo(version));

  it("does not go back to a minor version, which a preview says", () => {
    const restore = setVersion(older);
    const { status, output } = preview();
    restore();
    assert.notEqual(status, 0);
    assert.match(output, new RegExp(`${older} is older than what the cluster runs, ${version}`));
  });

  it("goes to another patch where the operator was killed at each kind of step, without a drain", async () => {
    setVersion(patch);
    for (const step of [
      "upgrade",
      "worker-02-prepare",
      "master-01-control-plane",
      "master-02-control-plane",
      "master-01-kubelet",
      "worker-01-kubelet",
    ])
      await killedAt(new RegExp(` ${step}$`));
    await upgradeTo(patch);
  });

  it("goes on without a master that is lost in the middle", async () => {
    setVersion(version);
    await killedAt(/ master-02-control-plane$/);
    must("lab/node kill master-03");
    const watcher = new Watcher();
    const refused = up();
    assert.notEqual(refused.status, 0);
    assert.match(refused.output, /master-03/);
    setNode("master-03", "lost", true);
    converge();
    const available = watcher.stop();
    assertRuns(version);
    assert.ok(available >= 2, `${available} pods were available`);
    await assertIsTheFile();
    must("lab/node wipe master-03; lab/node start master-03");
    must("lab/nodes.sh config test/e2e/clusters/kubernetes.yaml");
    setVersion(version);
    converge();
    assertRuns(version);
    await assertIsTheFile();
  });

  it("goes back on a node whose kubelet does not start, and stops there", async () => {
    const dropIn = "/etc/systemd/system/kubelet.service.d/broken.conf";
    const text = `[Service]\\nExecStartPre=/bin/sh -c '! grep -q kubernetes-${patch}/ /etc/systemd/system/kubelet.service'\\n`;
    on("worker-01", `mkdir -p ${dropIn.replace(/\/[^/]*$/, "")}; printf "${text}" >${dropIn}`);
    setVersion(patch);
    const { status, output } = up();
    assert.notEqual(status, 0);
    assert.match(output, /kubelet failed on worker-01/);
    assert.match(output, /the former files are back on worker-01/);
    await eventually(() => {
      const versions = json<{
        items: { metadata: { name: string }; status: { nodeInfo: { kubeletVersion: string } } }[];
      }>("kubectl get nodes -o json").items.map(
        ({ metadata, status }) => `${metadata.name} ${status.nodeInfo.kubeletVersion}`,
      );
      assert.deepEqual(versions.slice(-2), [`worker-01 v${version}`, `worker-02 v${version}`]);
    });
    on("worker-01", `rm ${dropIn}; systemctl daemon-reload`);
    // What had gone on before it comes back, too.
    await upgradeTo(patch);
  });
});
