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
    "podPidsLimit",
    "shutdownGracePeriod",
    "shutdownGracePeriodCriticalPods",
    "streamingConnectionIdleTimeout",
  ],
};

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
    assert.equal(flags({ "event-ttl": "2h", "max-requests-inflight": 800 }), "");
    assert.equal(fields({ maxPods: 200, evictionHard: { "memory.available": "5%" } }), "");
    assert.match(
      flags({ "etcd-servers": "x" }),
      /etcd-servers is a flag Groundwork sets by itself/,
    );
    assert.match(flags({ "--event-ttl": "1h" }), /give it without leading dashes/);
    assert.match(flags({ "event-ttl": "1h 5m" }), /give one without spaces/);
    assert.match(fields({ cgroupDriver: "systemd" }), /cgroupDriver is a field Groundwork sets/);
    assert.match(fields({ "max-pods": 10 }), /max-pods is not a field of KubeletConfiguration/);
  });
});
