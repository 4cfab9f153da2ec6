import assert from "node:assert/strict";
import { parse } from "yaml";
import { flannelNetConf } from "../../networks/flannel/unit";
import { type FileOnNode, filesOn } from "../graph/nodeFiles";
import { planOf, sampleFile } from "./clusterSample";

describe("the files of a cluster's nodes", () => {
  let master: Map<string, FileOnNode>;
  let worker: Map<string, FileOnNode>;
  /** Of a node with every role. */
  let everything: Map<string, FileOnNode>;
  before(async () => {
    everything = await filesOn("single", "node-01");
    master = await filesOn("small", "master-01");
    worker = await filesOn("small", "worker-01");
  });
  const contentOf = (files: Map<string, FileOnNode>, path: string): string => {
    const file = files.get(path);
    assert.ok(file, `there is no ${path}`);
    return file.content;
  };
  const yaml = (files: Map<string, FileOnNode>, path: string) =>
    parse(contentOf(files, path)) as Record<string, unknown>;

  it("parse, and hold no trace of a value that was missing", () => {
    for (const { path, content } of [...master.values(), ...worker.values()]) {
      assert.doesNotMatch(content, /\bundefined\b|\bNaN\b|\[object Object\]/, path);
      assert.ok(content.endsWith("\n"), `${path} has no line end`);
      if (/\.(ya?ml|conf|json)$/.test(path) && /^\/(etc\/kube|var\/lib\/kubelet)/.test(path))
        assert.equal(typeof parse(content), "object", path);
    }
  });

  it("show keys to nobody but their daemon", () => {
    assert.ok(everything.has("/etc/ceph/ceph.client.admin.keyring"));
    for (const { path, mode, owner, content } of [...worker.values(), ...everything.values()]) {
      // Keys of Ceph begin with what all of them begin with.
      const isSecret = /SECRET|U0VDUkVU|dashboard\.key/.test(content + path);
      if (isSecret) assert.equal(mode, "0600", `${path} holds a key`);
      else assert.match(mode, content.startsWith("#!") ? /^0755$/ : /^0(600|644|440)$/, path);
      const [, daemon = "root"] =
        /^\/etc\/(etcd)\/pki\/|\/(ceph)\/(?!.*client\.(?:admin|boot)).*(keyring|dashboard)/
          .exec(path)
          ?.filter(Boolean) ?? [];
      assert.equal(owner, `${daemon}:${daemon}`, path);
      if (path.endsWith(".key")) assert.ok(isSecret, `${path} holds no key`);
    }
  });

  it("give a worker no key of the control plane", () => {
    const names = [...worker.keys()].filter((path) => /\/pki\/|\.conf$/.test(path));
    assert.deepEqual(names.sort(), [
      "/etc/kubernetes/kube-proxy.conf",
      "/etc/kubernetes/kubelet.conf",
      "/etc/kubernetes/pki/ca.crt",
      "/etc/kubernetes/pki/kubelet-serving-ca.crt",
      "/etc/modules-load.d/groundwork.conf",
      "/etc/netns/groundwork-probe/nsswitch.conf",
      "/etc/netns/groundwork-probe/resolv.conf",
      "/etc/sysctl.d/90-groundwork.conf",
    ]);
  });

  it("encrypt secrets with the cluster's key, and still read what is not", () => {
    const { kind, resources } = yaml(master, "/etc/kubernetes/encryption.yaml");
    assert.equal(kind, "EncryptionConfiguration");
    const keys = [{ name: "key1", secret: "SECRET-pki-encryption" }];
    assert.deepEqual(resources, [
      { resources: ["secrets"], providers: [{ secretbox: { keys } }, { identity: {} }] },
    ]);
  });

  it("let strangers ask for health only", () => {
    const { anonymous } = yaml(master, "/etc/kubernetes/authentication.yaml");
    assert.deepEqual(anonymous, {
      enabled: true,
      conditions: [{ path: "/livez" }, { path: "/readyz" }, { path: "/healthz" }],
    });
  });

  it("audit everything but chatter, and never the body of a secret", () => {
    interface Rule {
      level: string;
      verbs?: string[];
      nonResourceURLs?: string[];
      resources?: { group?: string; resources?: string[] }[];
    }
    const policy = yaml(master, "/etc/kubernetes/audit-policy.yaml");
    const rules = policy.rules as Rule[];
    assert.equal(policy.apiVersion, "audit.k8s.io/v1");
    assert.deepEqual(rules.at(-1), { level: "Metadata" });
    const about = (name: string) =>
      rules.find(({ resources }) => resources?.some((r) => r.resources?.includes(name)));
    for (const name of ["secrets", "configmaps", "serviceaccounts/token", "tokenreviews"])
      assert.equal(about(name)?.level, "Metadata", name);
    const access = ["rbac.authorization.k8s.io", "certificates.k8s.io"];
    for (const { level, resources } of rules)
      if (level.startsWith("Request"))
        assert.ok(
          resources?.every(({ group = "", resources }) => access.includes(group) && !resources),
          "bodies are logged for more than changes of access",
        );
    const silence = rules.findIndex(({ level, verbs }) => level === "None" && verbs);
    const secrets = rules.findIndex(
      ({ resources }) => resources?.[0]?.resources?.[0] === "secrets",
    );
    assert.ok(secrets >= 0 && secrets < silence, "nodes and controllers read Secrets unseen");
    for (const rule of rules.filter(({ level }) => level === "None")) {
      const chatter = ["leases", "events"];
      const { resources = [], verbs } = rule;
      assert.ok(
        rule.nonResourceURLs ||
          verbs?.every((verb) => ["get", "list", "watch"].includes(verb)) ||
          (resources.length > 0 &&
            resources.every((r) => chatter.includes(r.resources?.[0] ?? ""))),
        `changes leave no trace: ${JSON.stringify(rule)}`,
      );
    }
  });

  it("carry the operator's own settings", () => {
    const apiServer = contentOf(everything, "/etc/systemd/system/kube-apiserver.service");
    assert.match(apiServer, /--max-requests-inflight=800/, "cluster.kubernetes.api_server");
    assert.match(
      apiServer,
      /--enable-admission-plugins=NodeRestriction,AlwaysPullImages,EventRateLimit \\$/m,
    );
    const unit = (name: string) => contentOf(everything, `/etc/systemd/system/${name}.service`);
    assert.match(unit("kube-controller-manager"), /--node-monitor-grace-period=30s/);
    assert.match(unit("kube-scheduler"), /--kube-api-qps=80/);
    assert.match(unit("kube-proxy"), /--conntrack-max-per-core=0/);
    assert.match(unit("etcd"), /--quota-backend-bytes=4294967296/);
    const { jwt } = yaml(everything, "/etc/kubernetes/authentication.yaml") as { jwt: object[] };
    assert.equal(jwt.length, 1);
    const { maxPods } = yaml(everything, "/var/lib/kubelet/config.yaml");
    assert.equal(maxPods, 200, "cluster.kubernetes.kubelet");
  });

  it("harden the kubelet", () => {
    const config = yaml(worker, "/var/lib/kubelet/config.yaml");
    const suites = config.tlsCipherSuites as string[];
    assert.ok(suites.length > 2, "an empty list is Go's own");
    const want = {
      kind: "KubeletConfiguration",
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: "/etc/kubernetes/pki/ca.crt" },
      },
      authorization: { mode: "Webhook" },
      clusterDNS: ["10.96.0.10"],
      clusterDomain: "cluster.local",
      readOnlyPort: 0,
      healthzBindAddress: "127.0.0.1",
      streamingConnectionIdleTimeout: "4h0m0s",
      tlsCipherSuites: suites.filter((suite) =>
        /^TLS_ECDHE_\w+_(GCM_SHA(256|384)|POLY1305_SHA256)$/.test(suite),
      ),
      rotateCertificates: true,
      serverTLSBootstrap: true,
      protectKernelDefaults: true,
      seccompDefault: true,
      tlsMinVersion: "VersionTLS12",
      registerWithTaints: [],
    };
    for (const [key, value] of Object.entries(want)) assert.deepEqual(config[key], value, key);
    assert.deepEqual(yaml(master, "/var/lib/kubelet/config.yaml").registerWithTaints, [
      { key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule", value: "" },
    ]);
  });

  it("lead every client to the API of its own machine", () => {
    for (const files of [master, worker]) {
      for (const [path, { content }] of files) {
        if (!/^\/etc\/kubernetes\/[a-z-]+\.conf$/.test(path)) continue;
        const { clusters } = parse(content) as { clusters: { cluster: { server: string } }[] };
        assert.equal(clusters[0]?.cluster.server, "https://127.0.0.1:6443", path);
      }
    }
  });

  it("tell the kernel all that the kubelet demands", () => {
    const settings = contentOf(worker, "/etc/sysctl.d/90-groundwork.conf");
    for (const setting of [
      "net.ipv4.ip_forward = 1",
      "vm.overcommit_memory = 1",
      "vm.panic_on_oom = 0",
      "kernel.panic = 10",
      "kernel.panic_on_oops = 1",
      "kernel.keys.root_maxkeys = 1000000",
      "kernel.keys.root_maxbytes = 25000000",
    ])
      assert.ok(settings.split("\n").includes(setting), setting);
  });

  it("put flannel on the pod network", () => {
    const conf: unknown = JSON.parse(contentOf(worker, "/etc/kube-flannel/net-conf.json"));
    assert.deepEqual(conf, {
      Network: "10.244.0.0/16",
      EnableNFTables: true,
      Backend: { Type: "vxlan" },
    });
    const narrow = JSON.parse(flannelNetConf(planOf(sampleFile()), 1350)) as { Backend: object };
    assert.deepEqual(narrow.Backend, { Type: "vxlan", MTU: 1400 }, "of packets between nodes");
  });

  it("show the probe of pods' network the cluster's names, and nobody else's", () => {
    const read = (name: string) => contentOf(worker, `/etc/netns/groundwork-probe/${name}`);
    assert.match(read("resolv.conf"), /^nameserver 10\.96\.0\.10\nsearch cluster\.local\n/);
    assert.equal(read("hosts"), "10.96.0.1 kubernetes.default\n");
    assert.equal(read("nsswitch.conf"), "hosts: files dns\n");
  });

  it("list every master for haproxy, and nobody else", () => {
    const config = contentOf(worker, "/etc/kubernetes/haproxy.cfg");
    assert.deepEqual(
      config.split("\n").filter((line) => line.startsWith("  server ")),
      [1, 2, 3].map((n) => `  server master-0${n} 10.0.0.1${n}:6443 verifyhost master-0${n}`),
    );
    assert.match(config, /^ {2}bind 127\.0\.0\.1:6443$/m);
    assert.match(config, /check-ssl verify required ca-file \/etc\/kubernetes\/pki\/ca\.crt/);
    // Who is not ready gets no requests, and whoever waits for its answer is told at once.
    assert.match(config, /option httpchk GET \/readyz\n {2}http-check expect status 200\n/);
    assert.match(config, /fall 2 rise 1 on-marked-down shutdown-sessions /);
    assert.ok(!master.has("/etc/kubernetes/haproxy.cfg"), "a master needs no proxy");
  });
});
