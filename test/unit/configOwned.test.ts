import assert from "node:assert/strict";
import { parse } from "yaml";
import { type Daemon, kubeletFields, ownedFlags, refusedFlags } from "../../config/owned";
import { filesOn, unitsOn } from "../graph/nodeFiles";
import { problemsOf, sampleFile, withValue } from "./clusterSample";

/** What is rendered and may be set differently in the file: defaults. */
const defaults: Readonly<Record<Daemon | "kubelet", readonly string[]>> = {
  "kube-apiserver": [
    "audit-log-maxage",
    "audit-log-maxbackup",
    "audit-log-maxsize",
    "shutdown-delay-duration",
    "shutdown-send-retry-after",
  ],
  "kube-controller-manager": ["terminated-pod-gc-threshold"],
  "kube-scheduler": [],
  "kube-proxy": [],
  etcd: ["auto-compaction-retention", "snapshot-count", "watch-progress-notify-interval"],
  kubelet: [
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

/** Where the flags of each program stand in the file. */
const places: Readonly<Record<Daemon, string>> = {
  "kube-apiserver": "api_server",
  "kube-controller-manager": "controller_manager",
  "kube-scheduler": "scheduler",
  "kube-proxy": "kube_proxy",
  etcd: "etcd",
};
const daemons = Object.keys(places) as Daemon[];

const problem = (path: string, value: unknown) =>
  problemsOf(withValue(sampleFile(), ["cluster", "kubernetes", ...path.split(".")], value)).join();
const flags = (daemon: Daemon, value: unknown) => problem(`${places[daemon]}.extra_args`, value);

describe("what the file may not set", () => {
  for (const daemon of daemons) {
    it(`is every flag of ${daemon} that is rendered, but for defaults`, async () => {
      const unit = (await unitsOn("small", "master-01")).get(`${daemon}.service`) ?? "";
      const rendered = [...unit.matchAll(/--([a-z-]+)=/g)].map(([, name]) => name ?? "");
      assert.ok(rendered.length > 4);
      assert.deepEqual([...ownedFlags[daemon], ...defaults[daemon]].sort(), rendered.sort());
    });

    it(`is refused of ${daemon}'s flags by name, each with what to do`, () => {
      for (const name of [...ownedFlags[daemon], ...Object.keys(refusedFlags[daemon])]) {
        const given = name.replace("*", "issuer-url");
        const said = flags(daemon, { [given]: "x" });
        assert.match(said, new RegExp(`: ${given} [a-z].*(remove it|; give |; see )`), given);
      }
    });

    it(`are no defaults of ${daemon}`, () => {
      const given = Object.fromEntries(defaults[daemon].map((name) => [name, "1"]));
      assert.equal(flags(daemon, given), "");
    });
  }

  it("is no flag that a program does not have", () => {
    assert.equal(
      flags("kube-apiserver", { "event-tll": "2h" }),
      "cluster.kubernetes.api_server.extra_args.event-tll: event-tll is none of kube-apiserver's flags; did you mean event-ttl?",
    );
    assert.match(flags("etcd", { "event-ttl": 1 }), /event-ttl is none of etcd's flags; remove it/);
  });

  it("is no value that turns off what the cluster works by", () => {
    const given = (value: string) => flags("kube-apiserver", { "runtime-config": value });
    assert.equal(
      given("api/all=false"),
      'cluster.kubernetes.api_server.extra_args.runtime-config: "api/all=false" turns off kinds of objects by which nodes register and are protected; give only what is to come on',
    );
    assert.match(given("batch/v2alpha1=true,certificates.k8s.io/v1=False"), /give only what/);
    assert.equal(given("api/alpha=true"), "");
  });

  it("is neither a lock of another name nor a socket that asks nobody's name", () => {
    for (const daemon of ["kube-controller-manager", "kube-scheduler"] as const)
      assert.match(
        flags(daemon, { "leader-elect-resource-name": "x" }),
        /two of them work at once/,
      );
    assert.match(flags("kube-apiserver", { "debug-socket-path": "/run/x" }), /remove it$/);
  });

  it("names the field that does it right", () => {
    const of = (name: string) => flags("kube-apiserver", { [name]: "x" });
    for (const name of [
      "oidc-issuer-url",
      "oidc-ca-file",
      "authentication-config",
      "token-auth-file",
    ])
      assert.match(of(name), /cluster\.kubernetes\.api_server\.authentication\.jwt/, name);
    assert.match(of("enable-admission-plugins"), /api_server\.admission\.plugins/);
    assert.match(of("disable-admission-plugins"), /admission\.pod_security\.enforce: privileged/);
    assert.match(of("audit-policy-file"), /api_server\.audit_policy_file/);
    assert.match(of("anonymous-auth"), /answered health alone; remove it/);
    assert.match(of("authorization-config"), /give rights by RBAC/);
  });

  it("is every field of the kubelet that is rendered or found out on the node, but for defaults", async () => {
    const file = (await filesOn("small", "worker-01")).get("/var/lib/kubelet/config.yaml");
    const rendered = Object.keys(parse(file?.content ?? "") as object);
    assert.deepEqual(
      [...kubeletFields, ...defaults.kubelet].sort(),
      [...rendered, "cgroupDriver", "resolvConf"].sort(),
    );
  });

  it("is refused by name, and what else there is taken", () => {
    const fields = (value: unknown) => problem("kubelet.config", value);
    const kubeletFlags = (value: unknown) => problem("kubelet.extra_args", value);
    assert.equal(flags("kube-apiserver", { "event-ttl": "2h", "max-requests-inflight": 800 }), "");
    assert.equal(flags("kube-controller-manager", { "node-monitor-grace-period": "30s" }), "");
    assert.equal(flags("kube-scheduler", { "kube-api-qps": 80 }), "");
    assert.equal(flags("etcd", { "quota-backend-bytes": 4294967296 }), "");
    assert.equal(flags("kube-proxy", { "conntrack-max-per-core": 0 }), "");
    assert.equal(fields({ maxPods: 200, evictionHard: { "memory.available": "5%" } }), "");
    assert.match(
      flags("kube-apiserver", { "etcd-servers": "x" }),
      /etcd-servers is a flag Groundwork sets by itself/,
    );
    assert.match(flags("etcd", { "--name": "x" }), /give it without leading dashes/);
    assert.match(flags("kube-scheduler", { v: "1h 5m" }), /give one without spaces/);
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
