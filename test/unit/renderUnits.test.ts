import assert from "node:assert/strict";
import { renderUnit } from "../../steps/unit";
import { apiServerUnit } from "../../steps/control-plane/units";
import { unitsOn } from "../graph/nodeFiles";
import { planOf, sampleFile, withValue } from "./clusterSample";

/** Directives of a section of a unit; a backslash continues a line. */
function section(unit: string, name: string): Map<string, string[]> {
  const [, body = ""] = unit.split(`[${name}]\n`);
  const [own = ""] = body.split(/^\[/m);
  const directives = new Map<string, string[]>();
  for (const line of own.replaceAll(/\\\n\s*/g, "").split("\n")) {
    const [key = "", ...value] = line.split("=");
    if (line === "") continue;
    directives.set(key, [...(directives.get(key) ?? []), value.join("=")]);
  }
  return directives;
}

function flagsOf(unit: string): Map<string, string> {
  const [command = ""] = section(unit, "Service").get("ExecStart") ?? [];
  const flags = command.split(" ").flatMap((word) => {
    const flag = /^--([^=]+)=(.*)$/.exec(word);
    return flag ? [[flag[1] ?? "", flag[2] ?? ""] as const] : [];
  });
  return new Map(flags);
}

const onEveryNode = ["flanneld.service", "kube-proxy.service", "kubelet.service"];
const onMasters = [
  "etcd.service",
  "kube-apiserver.service",
  "kube-controller-manager.service",
  "kube-scheduler.service",
  "groundwork-admission.service",
];

/** Flags that matter most, by node and unit. */
const expected: Readonly<Record<string, Readonly<Record<string, Record<string, string>>>>> = {
  "master-01": {
    "etcd.service": {
      name: "master-01",
      "listen-client-urls": "https://127.0.0.1:2379,https://10.0.0.11:2379",
      "advertise-client-urls": "https://10.0.0.11:2379",
      "listen-peer-urls": "https://10.0.0.11:2380",
      "initial-advertise-peer-urls": "https://10.0.0.11:2380",
      "listen-metrics-urls": "http://127.0.0.1:2381",
      "client-cert-auth": "true",
      "peer-client-cert-auth": "true",
      "trusted-ca-file": "/etc/etcd/pki/ca.crt",
      "peer-trusted-ca-file": "/etc/etcd/pki/ca.crt",
      "feature-gates": "InitialCorruptCheck=true",
    },
    "kube-apiserver.service": {
      "advertise-address": "10.0.0.11",
      "secure-port": "6443",
      "authorization-mode": "Node,RBAC",
      "enable-admission-plugins": "NodeRestriction",
      "etcd-servers": "https://127.0.0.1:2379",
      "service-cluster-ip-range": "10.96.0.0/16",
      "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
      "encryption-provider-config": "/etc/kubernetes/encryption.yaml",
      "authentication-config": "/etc/kubernetes/authentication.yaml",
      "audit-policy-file": "/etc/kubernetes/audit-policy.yaml",
      "audit-log-path": "/var/log/kubernetes/audit.log",
      "client-ca-file": "/etc/kubernetes/pki/ca.crt",
      "etcd-cafile": "/etc/kubernetes/pki/etcd/ca.crt",
      "kubelet-certificate-authority": "/etc/kubernetes/pki/kubelet-serving-ca.crt",
      "requestheader-client-ca-file": "/etc/kubernetes/pki/front-proxy-ca.crt",
      "requestheader-allowed-names": "front-proxy-client",
      "service-account-key-file": "/etc/kubernetes/pki/sa.pub",
      "service-account-extend-token-expiration": "false",
      "tls-min-version": "VersionTLS12",
      profiling: "false",
    },
    "kube-controller-manager.service": {
      "bind-address": "127.0.0.1",
      "cluster-cidr": "10.244.0.0/16",
      "service-cluster-ip-range": "10.96.0.0/16",
      "cluster-name": "sample",
      "allocate-node-cidrs": "true",
      "use-service-account-credentials": "true",
      controllers: "*,bootstrapsigner,tokencleaner",
      "cluster-signing-kubelet-serving-cert-file": "/etc/kubernetes/pki/kubelet-serving-ca.crt",
      "cluster-signing-kubelet-serving-key-file": "/etc/kubernetes/pki/kubelet-serving-ca.key",
      "cluster-signing-kubelet-client-cert-file": "/etc/kubernetes/pki/ca.crt",
      "cluster-signing-kubelet-client-key-file": "/etc/kubernetes/pki/ca.key",
      "cluster-signing-kube-apiserver-client-cert-file": "/etc/kubernetes/pki/ca.crt",
      "cluster-signing-kube-apiserver-client-key-file": "/etc/kubernetes/pki/ca.key",
      "leader-elect": "true",
      profiling: "false",
    },
    "kube-scheduler.service": {
      "bind-address": "127.0.0.1",
      "leader-elect": "true",
      profiling: "false",
    },
    "kubelet.service": { "hostname-override": "master-01", "node-ip": "10.0.0.11" },
    "flanneld.service": {
      iface: "10.0.0.11",
      "ip-masq": "true",
      "kube-subnet-mgr": "true",
      "kubeconfig-file": "/etc/kubernetes/kubelet.conf",
    },
  },
  "worker-02": {
    "kubelet.service": {
      "hostname-override": "worker-02",
      "node-ip": "10.0.0.22",
      config: "/var/lib/kubelet/config.yaml",
      "config-dir": "/etc/kubernetes/kubelet.conf.d",
      kubeconfig: "/etc/kubernetes/kubelet.conf",
    },
    "kube-proxy.service": {
      "hostname-override": "worker-02",
      "proxy-mode": "nftables",
      "cluster-cidr": "10.244.0.0/16",
      "metrics-bind-address": "127.0.0.1:10249",
    },
    "flanneld.service": { iface: "10.0.0.22" },
  },
};

/** What no daemon is. */
const byTimer = [
  "groundwork-event.service",
  "groundwork-metrics.service",
  "groundwork-metrics.timer",
];
const byTimerOnMasters = ["groundwork-snapshot.service", "groundwork-snapshot.timer"];

describe("the units of a cluster", () => {
  const units = new Map<string, Map<string, string>>();
  before(async () => {
    for (const node of ["master-01", "master-03", "worker-02"])
      units.set(node, await unitsOn("small", node));
  });
  const unitOf = (node: string, unit: string): string => {
    const text = units.get(node)?.get(unit);
    assert.ok(text, `${node} has no ${unit}`);
    return text;
  };

  it("let flanneld start anew with the kubelet, which alone makes Nodes anew, and never before it", () => {
    const after = "After=network-online.target kubelet.service";
    assert.ok(unitOf("worker-02", "flanneld.service").split("\n").includes(after));
    const kubelet = unitOf("worker-02", "kubelet.service").split("\n");
    const post = "ExecStartPost=-/usr/bin/systemctl try-restart --no-block flanneld.service";
    assert.ok(kubelet.includes(post));
    assert.ok(!kubelet.some((line) => /^(Wants|Requires)=.*flanneld/.test(line)));
  });

  it("are those of the node's role", () => {
    for (const master of ["master-01", "master-03"])
      assert.deepEqual(
        [...(units.get(master)?.keys() ?? [])].sort(),
        [...onEveryNode, ...onMasters, ...byTimer, ...byTimerOnMasters].sort(),
      );
    assert.deepEqual(
      [...(units.get("worker-02")?.keys() ?? [])].sort(),
      [...onEveryNode, "kube-api-proxy.service", ...byTimer].sort(),
    );
  });

  for (const [node, byUnit] of Object.entries(expected)) {
    for (const [unit, flags] of Object.entries(byUnit)) {
      it(`give ${unit} of ${node} its flags`, () => {
        const given = flagsOf(unitOf(node, unit));
        const relevant = Object.keys(flags).map((flag) => [flag, given.get(flag)]);
        assert.deepEqual(Object.fromEntries(relevant), flags);
      });
    }
  }

  it("come back however often they fall, start at boot, and wait for the network", () => {
    for (const [node, own] of units) {
      for (const [name, text] of own) {
        if ([...byTimer, ...byTimerOnMasters].includes(name)) continue;
        const at = `${name} of ${node}`;
        const unit = section(text, "Unit");
        const service = section(text, "Service");
        assert.deepEqual(service.get("Restart"), ["always"], at);
        assert.deepEqual(service.get("RestartSec"), ["1"], at);
        assert.deepEqual(service.get("LimitCORE"), ["0"], `${at} may leave its keys in a core`);
        assert.deepEqual(unit.get("StartLimitIntervalSec"), ["0"], at);
        assert.deepEqual(section(text, "Install").get("WantedBy"), ["multi-user.target"], at);
        assert.match(unit.get("After")?.[0] ?? "", /network-online\.target/, at);
        assert.match(unit.get("Wants")?.[0] ?? "", /network-online\.target/, at);
        assert.ok((unit.get("Description")?.[0] ?? "") !== "", `${at} has no description`);
      }
    }
  });

  it("tell of the machine by a timer that starts at boot, with the right to read and no other", () => {
    for (const node of units.keys()) {
      const [event, service, timer] = byTimer.map((name) => unitOf(node, name));
      const own = section(service ?? "", "Service");
      assert.deepEqual(own.get("CapabilityBoundingSet"), ["CAP_DAC_READ_SEARCH"]);
      assert.deepEqual(own.get("ReadWritePaths"), ["/var/lib/groundwork/metrics"]);
      assert.deepEqual(own.get("PrivateNetwork"), ["yes"]);
      assert.deepEqual(own.get("LimitCORE"), ["0"], "it may leave keys in a core");
      const asks = section(event ?? "", "Service");
      assert.deepEqual(asks.get("CapabilityBoundingSet"), ["CAP_DAC_READ_SEARCH"]);
      assert.deepEqual(asks.get("LimitCORE"), ["0"], "it may leave keys in a core");
      assert.equal(asks.get("ReadWritePaths"), undefined);
      assert.deepEqual(section(timer ?? "", "Install").get("WantedBy"), ["timers.target"]);
    }
  });

  it("confine every daemon that only talks to the network", () => {
    const confined = [
      ...onMasters.map((unit) => ["master-01", unit] as const),
      ["worker-02", "kube-api-proxy.service"] as const,
    ];
    for (const [node, name] of confined) {
      const service = section(unitOf(node, name), "Service");
      const want = {
        NoNewPrivileges: "yes",
        ProtectSystem: "strict",
        ProtectHome: "yes",
        PrivateTmp: "yes",
        PrivateDevices: "yes",
        ProtectKernelTunables: "yes",
        ProtectKernelModules: "yes",
        ProtectControlGroups: "yes",
        RestrictNamespaces: "yes",
        RestrictSUIDSGID: "yes",
        UMask: "0077",
        MemoryDenyWriteExecute: "yes",
        SystemCallArchitectures: "native",
      };
      for (const [directive, value] of Object.entries(want))
        assert.deepEqual(service.get(directive), [value], `${name}: ${directive}`);
      const bounds = ["groundwork-admission.service", "kube-api-proxy.service"].includes(name)
        ? ["", "AF_UNIX AF_INET"]
        : ["CAP_NET_BIND_SERVICE", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"];
      for (const directive of ["CapabilityBoundingSet", "RestrictAddressFamilies"])
        assert.deepEqual(service.get(directive), [bounds.shift()], `${name}: ${directive}`);
    }
    for (const [name, writable] of [
      ["etcd.service", "/var/lib/etcd"],
      ["kube-apiserver.service", "/var/log/kubernetes"],
    ] as const)
      assert.deepEqual(section(unitOf("master-01", name), "Service").get("ReadWritePaths"), [
        writable,
      ]);
  });

  it("give flanneld a user that may change the network and read what it reads, and see nothing else", () => {
    const service = section(unitOf("worker-02", "flanneld.service"), "Service");
    const capabilities = "CAP_NET_ADMIN CAP_NET_RAW CAP_DAC_READ_SEARCH";
    for (const [directive, value] of Object.entries({
      DynamicUser: "yes",
      AmbientCapabilities: capabilities,
      CapabilityBoundingSet: capabilities,
      NoNewPrivileges: "yes",
      RootDirectory: "/var/lib/groundwork/flanneld",
      BindPaths: "/proc",
      // Has no call by which CAP_DAC_READ_SEARCH would lead out of it: open_by_handle_at.
      SystemCallFilter: "@system-service",
      ExecStartPost: "+/usr/bin/nsenter --target 1 --mount /usr/local/lib/groundwork/flannel-cni",
    }))
      assert.deepEqual(service.get(directive), [value], directive);
    const seen = service.get("BindReadOnlyPaths")?.flatMap((line) => line.split(" ")) ?? [];
    assert.deepEqual(
      seen.filter((path) => path.startsWith("/etc") || path.startsWith("/var")).sort(),
      [
        "/etc/alternatives",
        "/etc/kube-flannel",
        "/etc/kubernetes/kubelet.conf",
        "/etc/kubernetes/pki/ca.crt",
        "/var/lib/kubelet/pki",
      ],
    );
  });

  it("give the proxy to the API a user that is nobody else's", () => {
    const service = section(unitOf("worker-02", "kube-api-proxy.service"), "Service");
    assert.deepEqual(service.get("DynamicUser"), ["yes"]);
  });

  it("give the admission of nodes a user that is nobody else's, one key, and little memory", () => {
    const service = section(unitOf("master-01", "groundwork-admission.service"), "Service");
    for (const [directive, value] of Object.entries({
      DynamicUser: "yes",
      LoadCredential: "client.pem:/etc/kubernetes/pki/approver.pem",
      MemoryMax: "256M",
      Type: "notify",
    }))
      assert.deepEqual(service.get(directive), [value], directive);
    assert.match(
      service.get("ExecStart")?.[0] ?? "",
      /^\/usr\/bin\/python3 -IB .*\$\{CREDENTIALS_DIRECTORY\}/,
    );
  });

  it("let etcd read how it joins from the file that its step writes", () => {
    const service = section(unitOf("master-01", "etcd.service"), "Service");
    assert.deepEqual(service.get("EnvironmentFile"), ["/etc/etcd/initial.env"]);
  });

  it("let a pod of any user read what the kubelet makes inside its volumes", () => {
    const service = section(unitOf("worker-02", "kubelet.service"), "Service");
    for (const directive of ["UMask", "PrivateTmp", "PrivateMounts", "ProtectSystem"])
      assert.equal(service.get(directive), undefined, directive);
  });

  it("let pods outlive the kubelet, and etcd outlive a shortage of memory", () => {
    assert.deepEqual(section(unitOf("worker-02", "kubelet.service"), "Service").get("KillMode"), [
      "process",
    ]);
    const etcd = section(unitOf("master-01", "etcd.service"), "Service");
    assert.deepEqual(etcd.get("OOMScoreAdjust"), ["-999"]);
    assert.deepEqual(etcd.get("User"), ["etcd"]);
  });

  it("end an API server when it listens no more, and let one end by itself that has an audit webhook to tell", () => {
    const stops = (extraArgs: object) => {
      const path = ["cluster", "kubernetes", "api_server", "extra_args"];
      const plan = planOf(withValue(sampleFile(), path, extraArgs));
      const [master] = plan.masters;
      assert.ok(master);
      const service = section(apiServerUnit(plan, master), "Service");
      return [service.has("ExecStop"), service.get("KillSignal"), service.get("SuccessExitStatus")];
    };
    assert.deepEqual(stops({}), [true, ["SIGKILL"], ["SIGKILL"]]);
    const webhook = { "audit-webhook-config-file": "/etc/kubernetes/audit.conf" };
    assert.deepEqual(stops(webhook), [false, undefined, undefined]);
  });

  it("say the same on all masters but for name and address", () => {
    for (const unit of onMasters) {
      const own = unitOf("master-03", unit);
      const renamed = unitOf("master-01", unit)
        .replaceAll("master-01", "master-03")
        .replaceAll("10.0.0.11", "10.0.0.13");
      assert.equal(own, renamed);
    }
  });

  it("serve nothing without TLS but on the machine itself", () => {
    for (const own of units.values())
      for (const [name, text] of own)
        for (const [flag, value] of flagsOf(text))
          for (const [url = ""] of value.matchAll(/http:\/\/[^,]+/g))
            assert.match(url, /^http:\/\/127\.0\.0\.1:/, `${name} --${flag}`);
  });
});

describe("a unit file", () => {
  it("repeats a directive for a list and keeps the order", () => {
    const text = renderUnit({
      Unit: { Description: "d" },
      Service: { ExecStartPre: ["/bin/a", "/bin/b"], RestartSec: 1 },
    });
    assert.equal(
      text,
      "[Unit]\nDescription=d\n\n[Service]\nExecStartPre=/bin/a\nExecStartPre=/bin/b\nRestartSec=1\n",
    );
  });
});
