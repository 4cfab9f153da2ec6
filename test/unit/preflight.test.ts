import assert from "node:assert/strict";
import { mkdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { readFacts } from "../../components/facts";
import { preflightConflicts, preflightFindings } from "../../config/preflight";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { readReport } from "../../ssh/report";
import { examination, examinationProgram } from "../../steps/preflight/examination";
import { planOf, sampleFile } from "./clusterSample";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";
import { clusterId } from "./furnish";

const machineId = "0123456789abcdef".repeat(2);
const productUuid = "01234567-89ab-cdef-0123-456789abcdef";

/** Of each finding how a machine comes to it, by a file below its root, and what is said. */
const findings: Readonly<Record<string, readonly [path: string, content: string, says: RegExp]>> = {
  architecture: ["state/machine", "aarch64", /the machine is arm64, the file says amd64/],
  "cgroup-v1": ["state/cgroup", "tmpfs", /uses cgroup v1/],
  clock: ["state/clock", "+1 hour", /it lags by 3[56]\d\d s or more/],
  "container-runtime": ["state/units/docker.service.active", "", /docker\.service runs: /],
  cpu: ["state/cpus", "1", /1 CPU; master needs 2/],
  disk: ["state/free", "4607", /4607 MiB free on \/; 4608 are needed, for .*\/var\/lib\/etcd/],
  firewall: [
    "etc/ufw/ufw.conf",
    "ENABLED=yes\n",
    /drops packets: ufw\. .*TCP 2379-2380 6443 10250, UDP 8472/,
  ],
  "foreign-cluster": [
    "etc/kubernetes/kubelet.conf",
    "",
    /\(kubeadm\) left \S*\/etc\/kubernetes\/kubelet\.conf\s+remedy: run 'kubeadm reset'/,
  ],
  ip: ["state/address", "", /no interface of the machine carries 10\.0\.0\.11/],
  kernel: ["state/kernel", "5.10.0-8", /kernel 5\.10\.0-8 is older than 5\.13/],
  "kernel-module": ["state/lacking", "vxlan\n", /kernel 5\.10\.0-8 lacks vxlan\s+remedy: install/],
  limits: [
    "proc/sys/fs/inotify/max_user_instances",
    "64\n",
    /fs\.inotify\.max_user_instances is 64; /,
  ],
  localhost: ["etc/hosts", "10.0.0.5 localhost\n", /localhost leads to 10\.0\.0\.5/],
  mac: ["sys/class/net/eth0/address", "02:00:00:00:00:01", /\(52:54:00:12:34:56\).* has: 02:/],
  "machine-id": ["etc/machine-id", "uninitialized\n", /machine-id holds no id/],
  memory: ["proc/meminfo", "MemTotal: 1500000 kB\n", /1464 MiB of memory; master needs 1700/],
  "network-links": ["sys/class/net/cali12/address", "", /left 1 links: cali12/],
  "network-routes": [
    "state/routes.root 10.244.0.0",
    '[{"dst":"10.244.3.0/24","gateway":"10.1.0.9","dev":"eth0","protocol":"bird","flags":[]}]',
    /1 routes take packets of cluster\.networking\.pod_cidr \(10\.244\.0\.0\/16\) elsewhere: 10\.244\.3\.0\/24 via 10\.1\.0\.9 dev eth0 \(protocol bird in table main\)\s+remedy: .*'ip route delete 10\.244\.3\.0\/24 table main'/,
  ],
  "network-rules": [
    "state/rules",
    "*filter\n:INPUT ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\nCOMMIT\n",
    /left 1 chains and tables of the packet filter: KUBE-SERVICES/,
  ],
  noexec: ["state/options", "rw,nosuid,noexec", /\/var\/lib is mounted noexec/],
  os: ["etc/os-release", "ID=debian\nVERSION_ID=10\n", /debian 10 is not supported/],
  "pod-mounts": [
    "proc/mounts",
    "tmpfs /var/lib/kubelet/pods/a/volume tmpfs rw 0 0\ntmpfs /var/lib/kubelet tmpfs rw 0 0\n",
    /1 mounts of former pods are there: \/var\/lib\/kubelet\/pods\/a\/volume/,
  ],
  port: ["state/ports", "10250\n2380\n", /port 10250 is in use by nginx(.|\n)*port 2380/],
  proxy: [
    "state/environment",
    "LANG=C\nHTTPS_PROXY=http://me:secret@proxy:3128\nno_proxy=localhost\n",
    /systemd gives every service HTTPS_PROXY: /,
  ],
  resolver: [
    "etc/resolv.conf",
    "nameserver 127.0.0.1\n",
    /names the machine itself \(127\.0\.0\.1\)/,
  ],
  "cloud-init": [
    "etc/cloud/cloud.cfg.d/90_dpkg.cfg",
    "# x\nmanage_etc_hosts: true\n",
    /anew at each boot \(manage_etc_hosts in \S*\/etc\/cloud\/cloud\.cfg\.d\/90_dpkg\.cfg\)/,
  ],
  sysctl: [
    "etc/sysctl.d/99-database.conf",
    "vm.swappiness = 1\nvm.overcommit_memory = 2\n",
    /\/etc\/sysctl\.d\/99-database\.conf sets vm\.overcommit_memory = 2, and is read after/,
  ],
  swap: ["proc/swaps", "Filename Type\n/swapfile file\n", /swap is on: \/swapfile/],
};

/** What is in use afterwards, by us, or nothing that keeps an `up` from going on. */
const onlyBefore =
  /^(port|disk|firewall|cloud-init|sysctl|foreign|network|pod|noexec|proxy|resolver|limits|localhost|kernel-module|container)/;

/** Found by other means: a folder, and the comparison with the other machines. */
const others = ["systemd", "product-uuid", "ceph-version", "endpoint"];

/** What nobody can accept. */
const conflicts: readonly (readonly [
  name: string,
  spoil: (machine: FakeMachine) => void,
  says: RegExp,
])[] = [
  [
    "cni-config",
    (it) => it.write("etc/cni/net.d/05-cilium.conflist", "{}"),
    /network of \S*\/05-cilium\.conflist, which come before ours/,
  ],
  [
    "foreign-ceph",
    (it) => it.write("etc/ceph/ceph.conf", "[global]\n"),
    /another Ceph cluster left \S*\/etc\/ceph\/ceph\.conf/,
  ],
  [
    "immutable",
    (it) =>
      it.write("state/immutable", "/etc/hosts\n/etc/containerd/config.toml\n/etc/resolv.conf\n"),
    /steps could not change \S*\/etc\/hosts \S*\/etc\/containerd\/config\.toml \(.*\s+remedy: run 'chattr -i -a \S*\/etc\/hosts /,
  ],
  [
    "link-conflict",
    (it) => it.write("sys/class/net/cni0/address", "52:54:00:12:34:56\n"),
    /left cni0, where ours will be/,
  ],
  [
    "linked-folder",
    (it) => {
      mkdirSync(join(it.root, "data/kubelet"), { recursive: true });
      symlinkSync(join(it.root, "data/kubelet"), join(it.root, "var/lib/kubelet"));
    },
    /\/var\/lib\/kubelet leads to \S*\/data\/kubelet by a link: .*\s+remedy: .*bind mount of \S*\/data\/kubelet/,
  ],
  [
    "package-conflict",
    (it) =>
      it.write("state/would", "Remv docker-ce [5:27]\nRemv containerd.io [1.7]\nInst runc (1.1)\n"),
    /apt would remove docker-ce containerd\.io, to install/,
  ],
  [
    "package-conflict",
    (it) =>
      it.write("state/would", " containerd.io : Conflicts: containerd\nE: held broken packages\n"),
    /apt could not install .*: containerd\.io : Conflicts: containerd E: held/,
  ],
  ["read-only", (it) => it.remove("usr/local/bin"), /\/usr\/local\/bin cannot be written to/],
];

/** Machines that look suspicious, and are not. */
const harmless: readonly (readonly [what: string, path: string, content: string])[] = [
  ["podman's network, which comes after ours", "etc/cni/net.d/87-podman-bridge.conflist", "{}"],
  ["a firewall that is switched off", "etc/ufw/ufw.conf", "ENABLED=no\n"],
  [
    "a table that lets everything through but what it names",
    "state/ruleset",
    "table inet f2b-table {\n\tchain f2b-chain {\n\t\ttype filter hook input priority -1; policy accept;\n\t\ttcp dport 22 ip saddr @bad reject with icmp port-unreachable\n\t}\n}\n" +
      "table ip6 filter {\n\tchain INPUT {\n\t\ttype filter hook input priority 0; policy drop;\n\t}\n}\n" +
      "table inet x {\n\tchain own {\n\t\tdrop\n\t}\n\tchain out {\n\t\ttype filter hook output priority 0; policy drop;\n\t}\n}\n",
  ],
  [
    "chains that drop what their conditions name, or that nothing is handed to",
    "state/ruleset",
    "table inet f {\n\tset bad {\n\t\ttype ipv4_addr\n\t\telements = { 10.9.0.1 }\n\t}\n\tchain input {\n\t\ttype filter hook input priority 0; policy accept;\n" +
      '\t\tip saddr @bad log prefix "bad drop" drop\n\t\ttcp dport 22 jump f2b\n\t\tct state vmap { established : accept, invalid : drop }\n\t\toif "virbr0" reject\n\t\tjump logdropped\n\t}\n' +
      "\tchain f2b {\n\t\tdrop\n\t}\n\tchain logdropped {\n\t\tlimit rate 5/second log\n\t\treturn\n\t}\n}\n",
  ],
  ["a proxy for downloads", "etc/environment", "https_proxy=http://proxy:3128\n"],
  ["a service's proxy of nothing", "state/environment", "https_proxy=\nno_proxy=localhost\n"],
  ["a machine whose apt has no lists", "state/would", "E: Unable to locate package containerd\n"],
  ["settings of its own for the kubelet", "etc/systemd/system/kubelet.service.d/50-own.conf", ""],
  ["an installation of packages that was cut short", "state/would", "E: dpkg was interrupted\n"],
  ["Docker's link", "sys/class/net/docker0/address", "02:42:00:00:00:01\n"],
  ["a runtime without containers", "state/units/containerd.service.active", ""],
  ["an empty folder of pods' network", "etc/cni/net.d/.kubernetes-cni-keep", ""],
];

/** Chains that drop what no rule of theirs names. */
const firewalls: readonly (readonly [ruleset: string, says: RegExp])[] = [
  [
    "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t\ttcp dport 22 accept\n\t}\n}\n",
    /nft table inet filter, chain input \(input\)/,
  ],
  [
    "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy accept;\n\t\tct state established accept\n\t\tcounter packets 3 bytes 180 reject with icmp host-prohibited\n\t}\n}\n",
    /nft table ip filter, chain FORWARD \(forward\)/,
  ],
  [
    'table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tiifname "lo" accept\n\t\tcounter packets 0 bytes 0 log prefix "drop it: " level info flags all drop comment "{"\n\t}\n}\n',
    /drops packets: nft table inet filter, chain input \(input\)\. /,
  ],
  [
    'table inet f {\n\tchain logdrop {\n\t\tlog group 1 drop\n\t}\n\tchain rest {\n\t\tip saddr {\n\t\t\t10.0.0.1,\n\t\t\t10.0.0.2 } drop\n\t\tcounter goto logdrop\n\t}\n\tchain FWD {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tiifname { "eth0", "eth1" } jump rest\n\t}\n}\n',
    /drops packets: nft table inet f, chain FWD \(forward\)\. /,
  ],
  [
    'table inet f {\n\tchain in {\n\t\ttype filter hook input priority 0; policy accept;\n\t\tiifname vmap { "lo" : accept, "eth0" : jump wan }\n\t}\n\tchain wan {\n\t\treject\n\t}\n}\n',
    /drops packets: nft table inet f, chain in \(input\)\. /,
  ],
  [
    'table netdev early {\n\tchain ingress {\n\t\ttype filter hook ingress device "eth0" priority -500; policy drop;\n\t}\n}\n' +
      "table ip raw {\n\tchain PREROUTING {\n\t\ttype filter hook prerouting priority raw; policy accept;\n\t\tdrop\n\t}\n}\n",
    /drops packets: nft table netdev early, chain ingress \(ingress\); nft table ip raw, chain PREROUTING \(prerouting\)\. /,
  ],
];

/** The same of the older iptables, which nft does not list. */
const legacy: readonly (readonly [rules: string, says: RegExp | undefined])[] = [
  [":INPUT DROP [0:0]", /iptables-legacy, chain INPUT\. /],
  [
    ":FORWARD ACCEPT [0:0]\n-A FORWARD -i cni0 -j ACCEPT\n-A FORWARD -j REJECT --reject-with icmp-host-prohibited",
    /iptables-legacy, chain FORWARD\. /,
  ],
  [
    ':INPUT ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n:MINE - [0:0]\n-A INPUT -i eth0 -m comment --comment "all -j" -j MINE\n-A MINE -j LOG\n-A MINE -m comment --comment rest -j DROP',
    /iptables-legacy, chain INPUT\. /,
  ],
  [
    ":INPUT ACCEPT [0:0]\n:f2b - [0:0]\n-A INPUT -p tcp -m multiport --dports 22 -j f2b\n-A INPUT -s 10.9.0.1/32 -j DROP\n-A f2b -j DROP\n-A INPUT -j ACCEPT",
    undefined,
  ],
];

describe("the examination of a machine", () => {
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("small");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    mkdirSync(join(machine.root, "run/systemd/system"), { recursive: true });
    machine.write("usr/local/bin/.keep", "");
    machine.write("lib/modules/6.12.0/modules.dep", "");
    machine.write("lib/modules/5.10.0-8/modules.dep", "");
    machine.write("etc/hosts", "127.0.0.1 localhost\n");
    machine.write("bin/cloud-init", "", 0o755);
    machine.write("etc/resolv.conf", "search example.org\nnameserver 10.0.0.1\n");
    machine.write("etc/machine-id", `${machineId}\n`);
    machine.write("etc/os-release", "ID=debian\nVERSION_ID=13\n");
    machine.write("proc/meminfo", "MemTotal: 8000000 kB\n");
    machine.write("proc/swaps", "Filename Type\n");
    machine.write("sys/class/net/eth0/address", "52:54:00:12:34:56\n");
    machine.write("sys/class/dmi/id/product_uuid", `${productUuid.toUpperCase()}\n`);
  });
  afterEach(() => machine.close());

  const examine = (vars: Readonly<Record<string, string>> = {}) => {
    const declared = { MAC_ADDRESSES: "52:54:00:12:34:56", ...vars };
    return machine.run(programOf(graph, "master-01-preflight", declared));
  };
  const spoil = (path: string, content: string) => machine.write(path, content);

  it("tells what a fit one is, and writes nothing to it", () => {
    const before = machine.snapshot();
    const { status, stdout, stderr } = examine();
    assert.equal(status, 0, stderr);
    assert.deepEqual(readFacts(`Welcome!${stdout}\nBye`, "master-01", "urn"), {
      os: "debian 13",
      kernel: "6.12.0",
      architecture: "amd64",
      cpus: 4,
      memoryMiB: 7812,
      machineId,
      macAddress: "52:54:00:12:34:56",
      productUuid,
      cgroup: "v2",
    });
    assert.deepEqual(machine.snapshot(), before, "steps/preflight/preflight.sh writes");
  });

  it("reports all that speaks against one, each by its name, and nothing else", () => {
    assert.deepEqual([...Object.keys(findings), ...others].sort(), [...preflightFindings]);
    for (const [path, content] of Object.values(findings)) spoil(path, content);
    const outcome = examine();
    for (const [, , says] of Object.values(findings)) assertRefused(outcome, says);
    assert.doesNotMatch(outcome.stderr, /secret/, "a proxy's password");
    const named = [...outcome.stderr.matchAll(/^ {4}- ([\w-]+): /gm)].map(([, name]) => name);
    assert.deepEqual([...new Set(named)].sort(), Object.keys(findings).sort());
    const allowed = examine({ PREFLIGHT_ALLOW: Object.keys(findings).join(" ") });
    assert.equal(allowed.status, 0, `what the file allows is refused: ${allowed.stderr}`);
  });

  for (const [name, spoilIt, says] of conflicts) {
    it(`refuses what nobody can accept: ${name}, ${says}`, () => {
      spoilIt(machine);
      const vars = {
        ROLES: "master worker ceph-mon",
        PREFLIGHT_ALLOW: [...preflightFindings, ...preflightConflicts].join(" "),
      };
      assertRefused(examine(vars), new RegExp(`- ${name}: `), says);
      machine.lock(clusterId, "master-01");
      assert.equal(examine(vars).status, 0, "a machine that is a node already");
    });
  }

  for (const [what, lacks, container, says] of [
    ["a container, whose host's has it not", "nft_queue\n", true, /lacks nft_queue: NetworkPolicy/],
    ["a machine of its own", "nft_queue\n", false, /kernel 6\.12\.0 lacks nft_queue\s+remedy/],
    ["a container, whose host's has it", "", true, undefined],
  ] as const)
    it(`tells of what NetworkPolicy needs of the kernel: ${what}`, () => {
      spoil("state/lacking", lacks);
      if (container) spoil("state/container", "");
      const outcome = examine({ MODULES: "vxlan nft_queue" });
      if (says) assertRefused(outcome, /- kernel-module: /, says);
      else assert.equal(outcome.status, 0, outcome.stderr);
    });

  it("knows no other conflict", () => {
    const found = new Set(conflicts.map(([name]) => name));
    assert.deepEqual([...found, "lock"].sort(), [...preflightConflicts]);
  });

  it("tells of a route by which its packets would go, and of no other that is there", () => {
    const routes = (how: string, network: string, ...found: readonly object[]) =>
      spoil(`state/routes.${how} ${network}`, JSON.stringify(found));
    spoil("sys/class/net/cali12/address", "");
    routes(
      "root",
      "10.244.0.0",
      { dst: "10.244.0.0/16", gateway: "10.1.0.9", dev: "eth0", table: "52", flags: [] },
      { type: "blackhole", dst: "10.244.4.0/26", protocol: "80", flags: [] },
      {
        dst: "10.244.5.0/24",
        via: { family: "inet6", host: "fe80::1" },
        dev: 'e"0',
        flags: ["onlink", "linkdown"],
      },
      {
        dst: "10.244.9.0/24",
        protocol: "bird",
        flags: [],
        metrics: [{ mtu: 1400 }],
        nexthops: [
          { gateway: "10.1.0.9", dev: "eth0", weight: 1, flags: [] },
          { gateway: "10.1.0.10", dev: "eth1", weight: 2, flags: [] },
        ],
      },
      // Of links that are told themselves.
      { dst: "10.244.0.0/24", dev: "cni0", protocol: "kernel", scope: "link", flags: [] },
      { dst: "10.244.8.3", dev: "cali12", scope: "link", flags: [] },
      // What an address makes beside the route to its network, and one that makes nothing else.
      { dst: "10.244.77.0/24", dev: "eth2", protocol: "kernel", prefsrc: "10.244.77.1", flags: [] },
      { type: "local", dst: "10.244.77.1", dev: "eth2", table: "local", protocol: "kernel" },
      { type: "broadcast", dst: "10.244.77.255", dev: "eth2", table: "local", protocol: "kernel" },
      { type: "local", dst: "10.244.78.1", dev: "wg0", table: "local", protocol: "kernel" },
    );
    const wide = { dst: "10.0.0.0/8", gateway: "10.1.0.9", dev: "eth0", flags: [] };
    routes("match", "10.244.0.0", { dst: "default", gateway: "10.1.0.1", dev: "eth0" }, wide);
    routes(
      "match",
      "10.96.0.0",
      wide,
      { ...wide, dev: "tun0", table: "52" },
      { ...wide, table: "53" },
    );
    spoil(
      "state/rules.json",
      JSON.stringify([
        { priority: 32766, src: "all", table: "main" },
        { priority: 0, src: "all", table: "local" },
        { priority: 90, src: "10.1.0.5", table: "53" },
        { priority: 95, src: "all", fwmark: "0x1", table: "53" },
        { priority: 100, not: null, src: "all", fwmark: "0xca6c", table: "52" },
        { priority: 33000, src: "all", table: "53" },
      ]),
    );
    const told = () => {
      const { stderr } = examine({ PREFLIGHT_ALLOW: "" });
      return [...stderr.matchAll(/- network-routes: (.*)\n\s+remedy: (.*)/g)].map(
        ([, what = "", remedy = ""]) => [what, /'(.*)'/.exec(remedy)?.[1]],
      );
    };
    const first =
      '10.244.0.0/16 via 10.1.0.9 dev eth0 (protocol boot in table 52), blackhole 10.244.4.0/26 (protocol 80 in table main), 10.244.5.0/24 via fe80::1 dev e\\"0 (protocol boot in table main)';
    assert.deepEqual(told(), [
      [
        `6 routes take packets of cluster.networking.pod_cidr (10.244.0.0/16) elsewhere: ${first}`,
        "ip route delete 10.244.0.0/16 table 52",
      ],
      [
        "1 routes take packets of cluster.networking.service_cidr (10.96.0.0/16) elsewhere: 10.0.0.0/8 via 10.1.0.9 dev tun0 (protocol boot in table 52)",
        "ip route delete 10.0.0.0/8 table 52",
      ],
    ]);
    assert.match(
      examine({ PREFLIGHT_ALLOW: "network-links" }).stderr,
      /- network-routes: 7 routes /,
      "of a link that is accepted",
    );
    routes("root", "10.244.0.0", { type: "blackhole", dst: "10.244.4.0/26", protocol: "80" });
    assert.deepEqual(told()[0]?.[1], "ip route delete blackhole 10.244.4.0/26 table main");
    assert.equal(examine({ ROLES: "ceph-mon", PREFLIGHT_ALLOW: "" }).status, 0, "no pods there");
  });

  it("knows other networks by what only a kernel with WireGuard and IPVS has", () => {
    for (const link of ["wireguard.cali", "wg0"]) spoil(`sys/class/net/${link}/address`, "");
    spoil(
      "proc/net/ip_vs",
      "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n" +
        "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\nTCP  0A600001:01BB rr \n" +
        "  -> 0A4D000B:192B      Masq    1      0          0         \n",
    );
    assertRefused(
      examine(),
      /left 1 links: wireguard\.cali\n/,
      /packet filter: IPVS service TCP\n/,
    );
  });

  for (const [what, path, content] of harmless) {
    it(`minds not ${what}`, () => {
      spoil(path, content);
      const { status, stderr } = examine();
      assert.equal(status, 0, stderr);
    });
  }

  it("knows firewalls by what they drop, and says which ports are needed", () => {
    for (const [ruleset, says] of firewalls) {
      spoil("state/ruleset", ruleset);
      assertRefused(examine(), /- firewall: /, says);
    }
    machine.remove("state/ruleset");
    for (const [rules, says] of legacy) {
      const saved = `*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*filter\n${rules}\nCOMMIT\n`;
      machine.write("bin/iptables-legacy-save", `#!/bin/sh\ncat <<'E'\n${saved}E\n`, 0o755);
      const outcome = examine();
      if (says) assertRefused(outcome, /- firewall: /, says);
      else assert.equal(outcome.status, 0, outcome.stderr);
    }
  });

  it("knows others' installations by their files, with the way to take each off", () => {
    for (const [path, says] of [
      ["usr/local/bin/k3s", /\(k3s\) left .*\/k3s\s+remedy: run k3s-uninstall\.sh/],
      ["etc/systemd/system/k3s-agent.service", /\(k3s\)/],
      ["var/lib/rancher/rke2", /\(RKE2\) left .*\s+remedy: run rke2-uninstall\.sh/],
      [
        "etc/systemd/system/k0sworker.service",
        /\(k0s\) left .*\s+remedy: run 'k0s stop; k0s reset'/,
      ],
      ["var/snap/microk8s", /\(MicroK8s\) left .*\s+remedy: run 'snap remove --purge microk8s'/],
      ["var/snap/k8s", /\(Canonical Kubernetes\) left .*\s+remedy: run 'snap remove --purge k8s'/],
      ["etc/kubernetes/ssl/kube-ca.pem", /\(RKE1\) left .*\s+remedy: run 'rke remove'/],
      ["var/lib/minikube", /\(minikube\) left /],
      ["etc/kubernetes/ssl/ca.crt", /\(Kubespray\) left .*\s+remedy: run its reset\.yml/],
      ["etc/etcd.env", /\(Kubespray\) left /],
      ["var/lib/kubelet/pki/kubelet.crt", /\(kubeadm\) left /],
      ["var/lib/etcd/member", /\(etcd\) left /],
    ] as const) {
      spoil(path, "");
      const outcome = examine();
      assertRefused(outcome, /- foreign-cluster: /, says);
      assert.equal(outcome.stderr.match(/- foreign-cluster: /g)?.length, 1, outcome.stderr);
      machine.remove(path);
    }
  });

  it("tells what a resolver is that CoreDNS cannot use, and whose file it is", () => {
    spoil("etc/resolv.conf", "nameserver 127.0.0.53\n");
    spoil("run/systemd/resolve/resolv.conf", "nameserver 10.0.0.2\n");
    assertRefused(examine(), /\/etc\/resolv\.conf names the machine itself \(127\.0\.0\.53\)/);
    spoil("state/units/systemd-resolved.service.active", "");
    assert.equal(examine().status, 0, "the kubelet takes the one of systemd-resolved");
    spoil("run/systemd/resolve/resolv.conf", "# No DNS servers known.\n");
    assertRefused(
      examine(),
      /resolve\/resolv\.conf names no server: CoreDNS does not start\s+remedy: .*DNS= in/,
    );
    machine.remove("run/systemd/resolve");
    assertRefused(examine(), /\/etc\/resolv\.conf names the machine itself \(127\.0\.0\.53\)/);
    spoil("etc/resolv.conf", "");
    assertRefused(examine(), /\/etc\/resolv\.conf names no server/);
    for (const servers of [
      ["2a01:4ff:ff00::add:1"],
      ["fe80::1%eth0"],
      // The fourth counts no more.
      ["2001:db8::1", "2001:db8::2", "2001:db8::3", "10.0.0.1"],
    ]) {
      spoil("etc/resolv.conf", servers.map((server) => `nameserver ${server}\n`).join(""));
      assertRefused(
        examine(),
        /\/etc\/resolv\.conf names servers by IPv6 addresses alone \(\S+.*\): pods have IPv4/,
      );
    }
    spoil("etc/resolv.conf", "nameserver 2001:db8::1\nnameserver 10.0.0.1\n");
    assert.equal(examine().status, 0, "one that pods reach");
  });

  for (const unit of ["docker.socket", "snap.docker.dockerd.service", "crio.service"])
    it(`knows a runtime by ${unit}`, () => {
      spoil(`state/units/${unit}.active`, "");
      assertRefused(
        examine(),
        new RegExp(`- container-runtime: ${unit.replaceAll(".", "\\.")} runs`),
      );
    });

  it("tells of Docker once, whichever way it started", () => {
    for (const unit of ["docker.socket", "docker.service"]) spoil(`state/units/${unit}.active`, "");
    const { stderr } = examine();
    assert.deepEqual(stderr.match(/- container-runtime: \S+/g), [
      "- container-runtime: docker.service",
    ]);
  });

  it("looks after folders of a machine with OSDs alone, too", () => {
    for (const folder of ["ceph", "groundwork"]) {
      mkdirSync(join(machine.root, "data", folder), { recursive: true });
      symlinkSync(join(machine.root, "data", folder), join(machine.root, "var/lib", folder));
    }
    assertRefused(
      examine({ ROLES: "ceph-osd" }),
      /- linked-folder: \S*\/var\/lib\/ceph leads to/,
      /- linked-folder: \S*\/var\/lib\/groundwork leads to/,
    );
    for (const folder of ["ceph", "groundwork"]) machine.remove(`var/lib/${folder}`);
    spoil("state/free", "639");
    assertRefused(examine({ ROLES: "ceph-osd" }), /639 MiB free on \/; 640 are needed, for/);
  });

  it("reads files of sysctl.d as systemd does at boot", () => {
    const ours = "etc/sysctl.d/90-groundwork.conf";
    for (const [files, says] of [
      [{ "etc/sysctl.d/89-db.conf": "kernel.panic = 60\n" }, undefined],
      [
        { "etc/sysctl.d/99-db.conf": "# kernel.panic = 60\n; kernel.panic=60\nkernel.panic\n\n" },
        undefined,
      ],
      [{ "etc/sysctl.d/99-db.conf": "  kernel.panic=10 \r\nnet.ipv4.*=0\n" }, undefined],
      [
        { "etc/sysctl.d/99-db.conf": "-kernel/panic =\t60\n" },
        /\/99-db\.conf sets kernel\.panic = 60, /,
      ],
      [
        { "etc/sysctl.d/99-db.conf": "-kernel.panic\n" },
        /\/99-db\.conf leaves kernel\.panic alone \(/,
      ],
      [
        { "usr/local/lib/sysctl.d/95-a.conf": "net/ipv4/ip_forward=0\n" },
        /\/local\/lib\/sysctl\.d\/95-a\.conf sets net\.ipv4\.ip_forward = 0, /,
      ],
      // The last one counts, and of the same name that of /etc.
      [
        {
          "run/sysctl.d/95-a.conf": "kernel.panic=1\n",
          "etc/sysctl.d/96-b.conf": "kernel.panic=10\n",
        },
        undefined,
      ],
      [{ "run/sysctl.d/95-a.conf": "kernel.panic=1\n", "etc/sysctl.d/95-a.conf": "" }, undefined],
      [
        {
          "run/sysctl.d/99-a.conf": "kernel.panic=1\n",
          "etc/sysctl.d/96-b.conf": "kernel.panic=10\n",
        },
        /\/run\/sysctl\.d\/99-a\.conf sets kernel\.panic = 1, /,
      ],
      [{ [ours]: "kernel.panic = 60\n" }, undefined],
    ] as const) {
      for (const [path, content] of Object.entries(files)) spoil(path, content);
      const outcome = examine();
      if (says) assertRefused(outcome, /- sysctl: /, says);
      else assert.equal(outcome.status, 0, `${JSON.stringify(files)}: ${outcome.stderr}`);
      for (const path of Object.keys(files)) machine.remove(path);
    }
    spoil("etc/sysctl.d/99-db.conf", "kernel.panic = 60\n");
    assert.equal(examine({ ROLES: "ceph-mon" }).status, 0, "a machine that gets no such settings");
  });

  it("believes of cloud-init what counts for it", () => {
    const [own, later] = ["etc/cloud/cloud.cfg", "etc/cloud/cloud.cfg.d/99-a.cfg"];
    const [vendors, users] = ["vendor", "user"].map(
      (who) => `var/lib/cloud/instance/${who === "user" ? "" : "vendor-"}cloud-config.txt`,
    ) as [string, string];
    for (const [files, refused] of [
      [{ [own]: "manage_etc_hosts: localhost\n" }, true],
      [{ [own]: "manage_etc_hosts: true\n", [later]: "manage_etc_hosts: False\n" }, false],
      [{ [later]: "manage_etc_hosts: false\n", [vendors]: 'manage_etc_hosts: "True"\n' }, true],
      [
        {
          [vendors]: "manage_etc_hosts: true\n",
          [users]: "#cloud-config\nmanage_etc_hosts: false\n",
        },
        false,
      ],
      [{ [own]: "# manage_etc_hosts: true\nssh: { manage_etc_hosts: true }\n" }, false],
      [{ [own]: "manage_etc_hosts: true\n", "etc/cloud/cloud-init.disabled": "" }, false],
    ] as const) {
      for (const [path, content] of Object.entries(files)) spoil(path, content);
      const outcome = examine();
      if (refused)
        assertRefused(outcome, /- cloud-init: .*\s+remedy: .*touch \S*cloud-init\.disabled/);
      else assert.equal(outcome.status, 0, `${JSON.stringify(files)}: ${outcome.stderr}`);
      for (const path of Object.keys(files)) machine.remove(path);
    }
    spoil(own, "manage_etc_hosts: true\n");
    machine.remove("bin/cloud-init");
    assert.equal(examine().status, 0, "a file that it left behind");
  });

  it("names containers of others in our runtime", () => {
    spoil("state/units/containerd.service.active", "");
    spoil("state/namespaces", "default\nmoby\n");
    spoil("state/moby.containers", "abc\n");
    assertRefused(examine(), /- container-runtime: containerd runs containers of namespace moby; /);
  });

  it("leaves packages to prepare while somebody installs some", () => {
    spoil("state/would", " haproxy : Depends: liblua\nE: Unmet dependencies\n");
    assertRefused(examine(), /- package-conflict: /);
    spoil("var/lib/dpkg/lock-frontend", "");
    const { ino } = statSync(join(machine.root, "var/lib/dpkg/lock-frontend"));
    spoil("proc/locks", `1: POSIX  ADVISORY  WRITE 1 00:1a:${ino} 0 EOF\n`);
    assert.equal(examine().status, 0);
  });

  it("says to reboot where the modules of the running kernel are gone", () => {
    spoil("state/lacking", "overlay\n");
    machine.remove("lib/modules/6.12.0");
    assertRefused(
      examine(),
      /\/lib\/modules\/6\.12\.0 is gone, .* overlay cannot be loaded\s+remedy: reboot/,
    );
  });

  it("counts of a clock's difference what no time on the way explains, and refuses two seconds of it", () => {
    for (const [server, says] of [
      [997, /- clock: it is ahead by 2 s or more/],
      [998, undefined],
      [1003, undefined],
      [1004, /- clock: it lags by 2 s or more/],
    ] as const) {
      // Asked at 1000 s, answered a second and a half later.
      spoil("state/instants", "1000000\n1001500\n");
      spoil("state/clock", `@${server}`);
      const outcome = examine();
      if (says) assertRefused(outcome, says);
      else assert.equal(outcome.status, 0, `a server that says ${server} s: ${outcome.stderr}`);
    }
  });

  it("refuses a machine without systemd, and without the rights of root", () => {
    machine.remove("run/systemd");
    assertRefused(examine(), /- systemd: /);
    spoil("state/uid", "1000");
    assertRefused(examine(), /is not root and has no password-less sudo/);
  });

  it("minds nothing that a node has itself, and no full disk, once the machine is taken", () => {
    for (const name of Object.keys(findings).filter((name) => onlyBefore.test(name))) {
      const [path = "", content = ""] = findings[name] ?? [];
      spoil(path, content);
    }
    machine.lock(clusterId, "master-01");
    const { status, stderr } = examine();
    assert.equal(status, 0, stderr);
  });

  it("answers the command of that name as JSON with the same findings, and refuses nothing", () => {
    const plan = planOf(sampleFile());
    const [node] = plan.nodes;
    assert.ok(node);
    const ask = () => {
      const { status, stdout, stderr } = machine.run(examinationProgram(plan, node));
      assert.equal(status, 0, stderr);
      return readReport(stdout, examination);
    };
    assert.deepEqual(ask(), { ...ask(), taken: false, findings: [] });
    spoil("proc/swaps", 'Filename Type\n/swap"file\\ partition 1\n');
    const [found] = ask().findings;
    assert.equal(found?.name, "swap");
    assert.match(found?.text ?? "", /^swap is on: \/swap"file\\ $/);
    assert.match(found?.remedy ?? "", /cluster\.preflight\.fix/);
    const lock = (cluster: string, name: string) =>
      spoil(
        "var/lib/cluster-state/lock",
        `cluster_id=any\ncluster_name=${cluster}\nnode=${name}\nstack=a/b\nsince=2026-01-01\n`,
      );
    spoil("proc/swaps", "Filename Type\n");
    lock(plan.name, node.name);
    assert.deepEqual(ask(), { ...ask(), taken: true, findings: [] });
    for (const [cluster, name, says] of [
      ["other", node.name, /belongs to cluster 'other' \(any\) .* this is cluster 'sample'$/],
      [plan.name, "master-09", /is already 'master-09' of this cluster/],
    ] as const) {
      lock(cluster, name);
      const [trouble] = ask().findings;
      assert.equal(trouble?.name, "lock");
      assert.match(trouble?.text ?? "", says);
    }
  });

  it("refuses one that belongs to another cluster, or is another node of this one", () => {
    machine.lock("another-cluster", "master-01");
    assertRefused(examine(), /belongs to cluster 'of another-cluster' \(another-cluster\)/);
    machine.lock(clusterId, "master-09");
    assertRefused(examine(), /is already 'master-09' of this cluster/);
  });

  it("names the cluster that takes it meanwhile, and not what that one has put there", () => {
    spoil("state/ports", "10250\n");
    machine.lock("another-cluster", "master-01");
    spoil("taken", machine.read("var/lib/cluster-state/lock"));
    machine.remove("var/lib/cluster-state/lock");
    const program = replaced(
      programOf(graph, "master-01-preflight", { MAC_ADDRESSES: "52:54:00:12:34:56" }),
      "disk_space\n  for port",
      `mv "$FAKE_ROOT/taken" "$STATE/lock"\n  for port`,
    );
    const outcome = machine.run(program);
    assertRefused(outcome, /belongs to cluster 'of another-cluster' \(another-cluster\)/);
    assert.doesNotMatch(outcome.stderr, /10250/);
  });
});
