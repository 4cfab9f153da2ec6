import assert from "node:assert/strict";
import { parse } from "yaml";
import { apiServerFlags, kubeletFields } from "../../config/owned";
import { filesOn, unitsOn } from "../graph/nodeFiles";
import { problemsOf, sampleFile, withValue } from "./clusterSample";

/** What is rendered and may be set differently in the file: defaults. */
const defaults = {
  flags: [
    "audit-log-maxage",
    "audit-log-maxbackup",
    "audit-log-maxsize",
    "shutdown-send-retry-after",
  ],
  fields: [
    "eventRecordQPS",
    "mergeDefaultEvictionSettings",
    "podPidsLimit",
    "shutdownGracePeriod",
    "shutdownGracePeriodCriticalPods",
    "streamingConnectionIdleTimeout",
  ],
};

/** What KubeletConfiguration has no place for: its kinds of values, and its mappings in mappings. */
const at = "cluster.kubernetes.kubelet.config.";
const misfits: [config: object, line: string][] = [
  [{ maxPod: 200 }, "maxPod: maxPod is not known here; did you mean maxPods?"],
  [{ podLimit: "x" }, "podLimit: podLimit is not known here; remove it"],
  [
    { logging: { verbosty: 2 } },
    "logging.verbosty: verbosty is not known here; did you mean verbosity?",
  ],
  [{ maxPods: "many" }, "maxPods: many is not a number; give the value of the field"],
  [{ maxPods: 1.5 }, "maxPods: 1.5 is not a whole number; give the value of the field"],
  [{ failSwapOn: "no" }, "failSwapOn: no is not true or false; give the value of the field"],
  [
    { featureGates: { KubeletInUserNamespace: "yes" } },
    "featureGates.KubeletInUserNamespace: yes is not true or false; give the value",
  ],
  [
    { shutdownGracePeriod: 30 },
    "shutdownGracePeriod: 30 is not a duration; give one such as 30s or 1h30m",
  ],
  [
    { reservedMemory: [{ numaNode: 0, limits: { memory: "1 GB" } }] },
    'reservedMemory[0].limits.memory: "1 GB" is not a quantity; give one such as 500m or 1Gi',
  ],
  [
    { allowedUnsafeSysctls: "net.core.somaxconn" },
    "allowedUnsafeSysctls: net.core.somaxconn is not a list; give the value of the field",
  ],
];

describe("what the file may not set", () => {
  it("is every flag of the API server that is rendered, but for defaults", async () => {
    const unit = (await unitsOn("small", "master-01")).get("kube-apiserver.service") ?? "";
    const rendered = [...unit.matchAll(/--([a-z-]+)=/g)].map(([, name]) => name ?? "");
    assert.deepEqual([...apiServerFlags, ...defaults.flags].sort(), rendered.sort());
  });

  it("is every field of the kubelet that is rendered or found out on the node, but for defaults", async () => {
    const file = (await filesOn("small", "worker-01")).get("/var/lib/kubelet/config.yaml");
    const rendered = Object.keys(parse(file?.content ?? "") as object);
    assert.deepEqual(
      [...kubeletFields, ...defaults.fields].sort(),
      [...rendered, "cgroupDriver", "resolvConf"].sort(),
    );
  });

  it("is refused by name, and what else there is taken", () => {
    const problem = (path: string, value: unknown) =>
      problemsOf(
        withValue(sampleFile(), ["cluster", "kubernetes", ...path.split(".")], value),
      ).join();
    const flags = (value: unknown) => problem("api_server.extra_args", value);
    const fields = (value: unknown) => problem("kubelet.config", value);
    const kubeletFlags = (value: unknown) => problem("kubelet.extra_args", value);
    assert.equal(flags({ "event-ttl": "2h", "max-requests-inflight": 800 }), "");
    assert.equal(fields({ maxPods: 200, evictionHard: { "memory.available": "5%" } }), "");
    assert.match(
      flags({ "etcd-servers": "x" }),
      /etcd-servers is a flag Groundwork sets by itself/,
    );
    assert.match(flags({ "--event-ttl": "1h" }), /give it without leading dashes/);
    assert.match(flags({ "event-ttl": "1h 5m" }), /give one without spaces/);
    assert.equal(kubeletFlags({ "runtime-cgroups": "/system.slice/containerd.service" }), "");
    assert.match(
      kubeletFlags({ "max-pods": 9 }),
      /is a flag that has a field; give maxPods in config/,
    );
    assert.match(kubeletFlags({ "node-labels": "a=b" }), /is given by the field labels of a node/);
    assert.match(kubeletFlags({ kubeconfig: "x" }), /is not a flag that may be given here; remove/);
    assert.match(kubeletFlags({ "runtime-cgroups": "a b" }), /give one without spaces/);
    assert.match(fields({ cgroupDriver: "systemd" }), /cgroupDriver is a field Groundwork sets/);
    for (const [config, line] of misfits) assert.equal(fields(config), at + line);
    assert.match(fields({ "max-pods": 10 }), /max-pods is not known here; did you mean maxPods\?/);
  });
});
