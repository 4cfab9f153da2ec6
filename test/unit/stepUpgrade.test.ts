import assert from "node:assert/strict";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { version } from "./clusterSample";
import { assertRefused, FakeMachine, programOf } from "./fakeMachine";
import { take } from "./furnish";

const ready = [{ type: "Ready", status: "True" }];
const node = (name: string, kubelet: string, more: object = {}, conditions: object[] = ready) => ({
  metadata: { name, ...more },
  spec: {},
  status: { nodeInfo: { kubeletVersion: `v${kubelet}` }, conditions },
});
const list = (...items: readonly object[]) => JSON.stringify({ items });
const pod = (name: string, more: object = {}) => ({
  metadata: { namespace: "default", name, ...more },
  spec: { nodeName: "worker-01" },
});
const budget = (name: string, disruptionsAllowed: number) => ({
  metadata: { namespace: "default", name },
  status: { expectedPods: 2, disruptionsAllowed },
});

describe("the step that says whether a cluster may become another version", () => {
  let small: Graph;
  let machine: FakeMachine;
  before(async () => {
    small = await recordSample("small");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, small, "master-01");
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
    machine.write("state/members", "1, started, master-01, https://10.0.0.11:2380, , false\n");
    machine.write("state/down", "");
    machine.write("state/units/etcd.service.active", "");
    runs("1.35.4");
  });
  afterEach(() => machine.close());

  /** What an API server counts. */
  const metrics = (address: string, text: string) =>
    machine.write(`state/metrics-${address}`, text);
  const api = (path: string, text: string) =>
    machine.write(`state/api/${path.replaceAll("/", "_")}`, text);
  /** The masters and nodes run this; nothing stands in the way. */
  const runs = (was: string, nodes = [node("master-01", was), node("worker-01", was)]) => {
    machine.write("state/version", was);
    machine.write(
      "etc/systemd/system/kube-apiserver.service",
      `[Service]\nExecStart=/usr/local/lib/groundwork/kubernetes-${was}/kube-apiserver \\\n  --a=b\n`,
    );
    api(
      "apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
      JSON.stringify({ endpoints: [{ addresses: ["10.0.0.11"] }] }),
    );
    api("api/v1/nodes", list(...nodes));
    api("api/v1/pods", list(pod("web-1", { ownerReferences: [{ kind: "ReplicaSet" }] })));
    api("apis/policy/v1/poddisruptionbudgets", list(budget("web", 1)));
    metrics("10.0.0.11", "apiserver_request_total 5\n");
    machine.write("state/registry", "{}");
    for (const kind of ["validating", "mutating"]) webhooks(kind);
  };
  /** Webhooks of this kind, which ask a Service each. */
  const webhooks = (kind: string, ...settings: readonly object[]) =>
    api(
      `apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations`,
      list({
        metadata: { name: "gate" },
        webhooks: settings.map((more) => ({
          clientConfig: { service: { namespace: "gates", name: "gate" } },
          ...more,
        })),
      }),
    );
  const upgrade = (vars: Record<string, string> = {}) =>
    machine.run(programOf(small, "upgrade", vars));
  const passes = (vars?: Record<string, string>) => {
    const { status, stdout, stderr } = upgrade(vars);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const refused = (says: RegExp, vars?: Record<string, string>) => {
    const outcome = upgrade(vars);
    assertRefused(outcome, says);
    assert.match(outcome.stderr, /nothing was changed/);
    assert.ok(!outcome.calls.some((call) => /^curl (PATCH|POST|DELETE)/.test(call)));
  };

  it("lets it where all is well, and has nothing to say where nothing changes or nothing runs", () => {
    assert.equal(passes(), "unchanged");
    runs(version);
    assert.equal(passes(), "unchanged");
    machine.remove("etc/systemd/system/kube-apiserver.service");
    machine.write("state/down", "10.0.0.11\n");
    assert.equal(passes(), "unchanged");
  });

  it("has nothing to say of a master that is gone, where the others run that version already", () => {
    const silent = [{ type: "Ready", status: "Unknown" }];
    runs(version, [node("master-01", version), node("master-02", version, {}, silent)]);
    api(
      "apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
      JSON.stringify({ endpoints: [{ addresses: ["10.0.0.11"] }, { addresses: ["10.0.0.12"] }] }),
    );
    machine.write("state/no-api", "10.0.0.12\n");
    assert.equal(passes(), "unchanged");
    runs("1.36.1", [node("master-01", "1.36.1"), node("master-02", "1.36.1", {}, silent)]);
    api(
      "apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
      JSON.stringify({ endpoints: [{ addresses: ["10.0.0.11"] }, { addresses: ["10.0.0.12"] }] }),
    );
    refused(/the API server at 10\.0\.0\.12 does not answer/);
  });

  it("has nothing to say of a node that is lost, which the cluster forgets first", () => {
    const silent = [{ type: "Ready", status: "Unknown" }];
    const gone = node("master-02", "1.35.4", {}, silent);
    const addresses = [{ type: "InternalIP", address: "10.0.0.12" }];
    runs("1.35.4", [
      node("master-01", "1.35.4"),
      { ...gone, status: { ...gone.status, addresses } } as typeof gone,
    ]);
    api(
      "apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
      JSON.stringify({ endpoints: [{ addresses: ["10.0.0.11"] }, { addresses: ["10.0.0.12"] }] }),
    );
    api("api/v1/pods", list({ ...pod("alone"), spec: { nodeName: "master-02" } }));
    machine.write("state/no-api", "10.0.0.12\n");
    machine.write("state/down", "10.0.0.12\n");
    machine.write(
      "state/members",
      "1, started, master-01, https://10.0.0.11:2380, , false\n2, started, master-02, https://10.0.0.12:2380, , false\n",
    );
    assert.match(passes({ LOST: "master-02 worker-09" }), /^(?!.*master-02)/);
    const outcome = upgrade({ LOST: "master-0" });
    assertRefused(outcome, /the node master-02 is not Ready: mend it .*, say that it is lost, or/);
    for (const word of [
      "10\\.0\\.0\\.12 does not answer",
      "member 2 ",
      "default/alone on master-02",
    ])
      assert.match(outcome.stderr, new RegExp(word));
  });

  it("refuses what upstream knows no way to", () => {
    runs("1.34.4");
    refused(
      /the API server at 10\.0\.0\.11 runs 1\.34\.4, and Kubernetes skips no minor version: .* of 1\.35 first/,
    );
    runs("1.37.2");
    refused(/the API server at 10\.0\.0\.11 runs 1\.37\.2, .* no way back to 1\.36\.3/);
    runs("1.36.1", [node("master-01", "1.36.1"), node("edge-01", "1.32.9")]);
    refused(/the kubelet of edge-01 runs 1\.32\.9, and API servers of 1\.36\.3 take none/);
    runs("1.36.1", [node("edge-01", "1.37.0")]);
    refused(/the kubelet of edge-01 runs 1\.37\.0, and may not be newer/);
  });

  it("refuses with everything that stands in the way, each by its name", () => {
    const silent = [{ type: "Ready", status: "Unknown" }];
    runs("1.35.4", [node("master-01", "1.35.4"), node("worker-01", "1.35.4", {}, silent)]);
    api("apis/policy/v1/poddisruptionbudgets", list(budget("tight", 0), budget("web", 1)));
    api("api/v1/pods", list(pod("alone"), pod("web-1", { ownerReferences: [{}] })));
    metrics(
      "10.0.0.11",
      'apiserver_requested_deprecated_apis{group="apps",removed_release="1.36",resource="old",subresource="",version="v1beta1"} 1\n' +
        'apiserver_requested_deprecated_apis{group="apps",removed_release="1.40",resource="later",subresource="",version="v1beta1"} 1\n',
    );
    machine.write("state/down", "10.0.0.11\n");
    const outcome = upgrade();
    const said = outcome.stderr.split("\n").filter((line) => line.startsWith("    "));
    for (const [i, says] of [
      /the node worker-01 is not Ready/,
      /the etcd member 1 \(https:\/\/10\.0\.0\.11:2380, started\) is not healthy/,
      /the budget default\/tight allows no pod to go/,
      /the pod default\/alone on worker-01 is of no controller/,
      /somebody asks for old\.v1beta1\.apps, /,
    ].entries())
      assert.match(said[i] ?? "", says, outcome.stderr);
    assert.equal(said.length, 5, outcome.stderr);
  });

  it("refuses where a webhook refuses what it is not asked, and where Ceph has no data, if nodes are drained", () => {
    const slices = "apis/discovery.k8s.io/v1/namespaces/gates/endpointslices";
    api(slices, list({ endpoints: [{ conditions: { ready: false } }] }));
    webhooks("mutating", { failurePolicy: "Ignore" }, { clientConfig: { url: "https://a" } });
    assert.equal(passes(), "unchanged");
    webhooks("validating", { failurePolicy: "Fail" });
    refused(
      /the validating webhook gate asks the Service gates\/gate, behind which nothing is ready/,
    );
    api(slices, list({ endpoints: [{ conditions: { ready: true } }, {}] }));
    assert.equal(passes(), "unchanged");

    const health = (status: string, checks: Record<string, string>) =>
      machine.write(
        "state/ceph/health",
        JSON.stringify({
          status,
          checks: Object.fromEntries(
            Object.entries(checks).map(([name, message]) => [name, { summary: { message } }]),
          ),
        }),
      );
    machine.write("etc/ceph/ceph.client.admin.keyring", "key");
    health("HEALTH_WARN", { OSD_DOWN: "1 osds down" });
    assert.equal(passes(), "unchanged");
    health("HEALTH_WARN", { PG_AVAILABILITY: "3 pgs inactive", OSD_DOWN: "2 osds down" });
    refused(/Ceph is not well \(3 pgs inactive; 2 osds down\)/);
    machine.write("state/ceph/refused", "health\nno monitor");
    refused(/Ceph is not well \(no monitor answers\)/);
    runs("1.36.1");
    assert.equal(passes(), "unchanged");
  });

  it("asks every API server that answers what it is asked for, and does not take silence for well", () => {
    api(
      "apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
      JSON.stringify({ endpoints: [{ addresses: ["10.0.0.11"] }, { addresses: ["10.0.0.12"] }] }),
    );
    assert.notEqual(upgrade().status, 0);
    metrics(
      "10.0.0.12",
      'apiserver_requested_deprecated_apis{group="apps",removed_release="1.36",resource="old",subresource="",version="v1beta1"} 1\n',
    );
    refused(/somebody asks for old\.v1beta1\.apps, /);
  });

  it("refuses what the new version does not read from etcd, and nothing that it does", () => {
    const stored = (objects: Readonly<Record<string, string>>) =>
      machine.write("state/registry", JSON.stringify(objects));
    const hpa = "/registry/horizontalpodautoscalers/default";
    const of = (version: string, rest = "") =>
      `k8s\0\n\x20\n\x07${version}\x12\x17HorizontalPodAutoscaler${rest}`;
    const [now, before] = [of("autoscaling/v2", "x".repeat(200)), of("autoscaling/v2beta2")];
    // What somebody says in an object is not its version.
    stored({ [`${hpa}/web`]: `${now}autoscaling/v2beta2`, "/registry/pods/default/a": before });
    assert.equal(passes(), "unchanged");
    stored({ [`${hpa}/web`]: now, [`${hpa}/old`]: before });
    refused(
      /default\/old of horizontalpodautoscalers is stored as autoscaling\/v2beta2, which Kubernetes 1\.36 does not read/,
    );
    runs("1.36.1");
    assert.equal(passes(), "unchanged");
    runs("1.35.4");
    machine.write("state/silent", "");
    refused(/etcd does not say in which versions it has horizontalpodautoscalers/);
  });

  it("minds budgets only where nodes are drained", () => {
    runs("1.36.1");
    api("apis/policy/v1/poddisruptionbudgets", list(budget("tight", 0)));
    assert.equal(passes(), "unchanged");
    refused(/the budget default\/tight allows no pod to go/, { DRAIN: "always" });
  });

  it("goes on where some have been upgraded, and goes back a patch", () => {
    runs("1.36.3", [node("master-01", "1.36.3"), node("worker-01", "1.35.4")]);
    assert.equal(passes(), "unchanged");
    runs("1.36.9", [node("master-01", "1.36.9"), node("worker-01", "1.36.3")]);
    assert.equal(passes(), "unchanged");
  });

  /** Members of etcd: the version of each, and what they speak. */
  const etcd = (cluster: string, ...members: readonly string[]) => {
    const address = (i: number) => `10.0.0.${11 + i}`;
    const lines = (line: (version: string, i: number) => string) => members.map(line).join("");
    machine.write(
      "state/etcd-versions",
      lines((is, i) => `${address(i)} ${is} ${cluster}\n`),
    );
    machine.write(
      "state/members",
      lines((_, i) => `${i + 1}, started, master-0${i + 1}, https://${address(i)}:2380, , false\n`),
    );
  };

  it("lets etcd go to another patch, to the next minor version, and back as long as not all have gone", () => {
    runs(version);
    etcd("3.6.0", "3.6.16");
    assert.equal(passes(), "unchanged");
    for (const to of ["3.6.15", "3.6.17", "3.7.3"]) passes({ ETCD_VERSION: to });
    etcd("3.6.0", "3.7.3", "3.6.16");
    for (const to of ["3.6.16", "3.7.3"]) passes({ ETCD_VERSION: to });
    etcd("not_decided", "3.6.16");
    passes({ ETCD_VERSION: "3.7.3" });
  });

  it("refuses what etcd knows no way to, whatever Kubernetes is to become", () => {
    for (const is of [version, "1.36.1"]) {
      runs(is);
      etcd("3.7.0", "3.7.3");
      refused(/etcd 3\.6\.16:\n +etcd is of 3\.7, .* no way back to 3\.6\.16 but a snapshot/);
      etcd("3.5.0", "3.5.30");
      const to = { ETCD_VERSION: "3.7.3" };
      refused(/etcd is of 3\.5, and skips no minor version: .* one of 3\.6 first/, to);
      etcd("3.6.0", "3.6.16", "3.6.10");
      refused(/the etcd member 2 runs 3\.6\.10, and 3\.7 takes none older than 3\.6\.11/, to);
      etcd("3.6.0", "3.6.16", "3.6.16");
      machine.write("state/down", "10.0.0.12\n");
      refused(/to etcd 3\.7\.3|and etcd 3\.7\.3/, to);
      refused(/the etcd member 2 .* is not healthy/, to);
      machine.write("state/down", "");
    }
  });

  it("has nodes take pods again that an upgrade cordoned and that run the version, and no others", () => {
    const ours = { annotations: { "groundwork/cordoned-for-upgrade": "1.36.9" } };
    const nodes = [
      node("master-01", version, ours),
      node("worker-01", "1.36.9", ours),
      node("worker-02", version),
    ];
    runs("1.36.9", nodes);
    for (const one of nodes) api(`api/v1/nodes/${one.metadata.name}`, JSON.stringify(one));
    const { status, stdout, stderr, calls } = upgrade();
    assert.equal(status, 0, stderr);
    assert.equal(stdout, "changed: 1");
    const patched = calls.filter((call) => call.startsWith("curl PATCH"));
    assert.deepEqual(patched, ["curl PATCH https://127.0.0.1:6443/api/v1/nodes/master-01"]);
    assert.ok(
      calls.includes(
        'data {"metadata":{"annotations":{"groundwork/cordoned-for-upgrade":null}},"spec":{"unschedulable":null}}',
      ),
      calls.join("\n"),
    );
  });

  it("takes a snapshot of etcd before an upgrade, or before a master leaves, where the file wants any, and does neither without", () => {
    machine.write("etc/systemd/system/groundwork-snapshot.timer", "");
    machine.remove("bin/python3");
    const python = (text: string) => machine.write("bin/python3", `#!/bin/sh\n${text}\n`, 0o755);
    const before = (vars?: Record<string, string>) => {
      const log = `${machine.root}/state/taken`;
      machine.write("state/taken", "");
      python(`echo "$@" >>${log}; echo saved`);
      passes(vars);
      return [...machine.read("state/taken").matchAll(/\/snapshot (.*)\n/g)].map(
        ([, what]) => what,
      );
    };
    const all = { MEMBERS: "master-01 master-02" };
    runs(version);
    machine.write(
      "state/members",
      [1, 2]
        .map((i) => `${i}, started, master-0${i}, https://10.0.0.1${i}:2380, , false\n`)
        .join(""),
    );
    assert.deepEqual(before(all), []);
    assert.deepEqual(before({ MEMBERS: "master-01 master-02 master-03" }), []);
    assert.deepEqual(before({ MEMBERS: "master-01" }), ["removal"]);
    etcd("3.6.0", "3.6.15", "3.6.15");
    assert.deepEqual(before(all), ["upgrade"]);
    machine.remove("state/etcd-versions");
    runs("1.36.1");
    assert.deepEqual(before(all), ["upgrade"]);
    python("echo 'groundwork: the snapshot of etcd failed: PUT 403' >&2; exit 1");
    refused(/no snapshot of etcd could be taken before the upgrade: .*PUT 403/, all);
    runs(version);
    const leaves = { MEMBERS: "master-01" };
    machine.write("state/learners", "127.0.0.1\n");
    refused(/etcd does not say who is a member of it/, all);
    machine.remove("state/learners");
    refused(/no snapshot of etcd could be taken before the removal: .*PUT 403/, leaves);
    machine.remove("etc/systemd/system/groundwork-snapshot.timer");
    assert.deepEqual(before(leaves), [], "the file wants none");
  });

  for (const path of [
    "apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
    "api/v1/pods",
    "apis/policy/v1/poddisruptionbudgets",
    "apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
  ])
    it(`does not take it for well that nobody answers to /${path}`, () => {
      api(path, "no answer that is JSON");
      assert.notEqual(upgrade({ VERSION: "1.36.3" }).status, 0);
    });

  it("does not take it for well that nobody says who is a member of etcd", () => {
    machine.write("state/learners", "127.0.0.1\n");
    assert.notEqual(upgrade().status, 0);
  });
});
