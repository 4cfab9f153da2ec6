import assert from "node:assert/strict";
import { hostKey, planOf, problemsOf, sampleFile, withValue } from "./clusterSample";

type Path = (string | number)[];

const rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDf";
const hostKeyRemedy =
  "give the line of the node's /etc/ssh/ssh_host_ed25519_key.pub (ssh-ed25519 AAAA...), or of its ecdsa key";
const nameRule =
  "is not a valid name; give at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends";

/** Where, what value, and the one line that is reported. An undefined value is a missing one. */
const cases: [path: Path, value: unknown, line: string][] = [
  [["cluster", "name"], "Prod_1", `cluster.name: Prod_1 ${nameRule}`],
  [
    ["cluster", "name"],
    undefined,
    "cluster.name: is missing; give the name of the cluster, as in its lock on every node",
  ],
  [
    ["cluster", "networking", "pod_cidr"],
    "10.244.1.0/16",
    "cluster.networking.pod_cidr: 10.244.1.0/16 has bits set behind its prefix; give 10.244.0.0/16",
  ],
  [
    ["cluster", "networking", "pod_cidr"],
    "10.244.0.0",
    "cluster.networking.pod_cidr: 10.244.0.0 is not an IPv4 network; give an address and a prefix length, such as 10.244.0.0/16",
  ],
  [
    ["cluster", "networking", "plugin"],
    "calico_vxlan",
    "cluster.networking.plugin: calico_vxlan is not one of flannel, calico, none; Groundwork sets up flannel or Calico, or none where you install another; remove it, or set plugin",
  ],
  [
    ["cluster", "networking", "pod_cdr"],
    "10.1.0.0/16",
    "cluster.networking.pod_cdr: pod_cdr is not known here; did you mean pod_cidr?",
  ],
  [
    ["cluster", "quorum"],
    3,
    "cluster.quorum: quorum is not known here; remove it, or use one of name, kubernetes, etcd, networking, endpoint, ssh, join_service, artifacts, proxy, registries, registry_mirrors, versions, images, ntp_servers, maintenance, preflight, ceph",
  ],
  [
    ["cluster", "versions", "etcd"],
    "3.5.30",
    "cluster.versions.etcd: 3.5.30 is not supported by this release; give a version of 3.6, 3.7",
  ],
  [
    ["cluster", "versions", "etcd"],
    "3.6.4",
    "cluster.versions.etcd: 3.6.4 may corrupt its data where a member that is being defragmented gets a snapshot (etcd-io/etcd#20650); give 3.6.5 or later",
  ],
  [
    ["cluster", "versions", "containerd"],
    "1.7.35",
    "cluster.versions.containerd: 1.7.35 is not supported by this release; give a version of 2.3",
  ],
  [
    ["cluster", "versions", "containerd"],
    "2.3.1",
    "cluster.versions.containerd: 2.3.1 lets whoever made an image run commands as root of the machine that pulls it (CVE-2026-53488); give 2.3.2 or later",
  ],
  [
    ["cluster", "versions", "runc"],
    "1.4.1",
    "cluster.versions.runc: 1.4.1 may leave `runc exec`, and with it probes, without an end (opencontainers/runc#5208); give 1.4.2 or later",
  ],
  [
    ["cluster", "versions", "flannel"],
    "v0.28.4",
    "cluster.versions.flannel: v0.28.4 is not a full version; give three numbers without a leading v, such as 0.28.4",
  ],
  [
    ["cluster", "endpoint"],
    "https://api.example.org",
    "cluster.endpoint: https://api.example.org is not host[:port]; give an address or a host name, without https://, such as api.example.org:6443",
  ],
  [
    ["cluster", "ssh", "port"],
    70000,
    "cluster.ssh.port: 70000 is not a TCP port; give a number from 1 to 65535",
  ],
  [
    ["cluster", "ssh", "port"],
    22.5,
    "cluster.ssh.port: 22.5 is not a whole number; give the TCP port of the nodes' SSH servers",
  ],
  [
    ["cluster", "artifacts", "base_url"],
    "mirror.example.org",
    "cluster.artifacts.base_url: mirror.example.org is not a URL; give one that begins with https:// or http://, such as https://mirror.example.org",
  ],
  [
    ["cluster", "artifacts", "base_url"],
    "https://me:secret@mirror.example.org",
    "cluster.artifacts.base_url: https://...@mirror.example.org holds credentials, which would show in the preview and on the nodes; give a URL without user and password",
  ],
  [
    ["cluster", "registry_mirrors"],
    { "https://docker.io": ["https://registry.example.org"] },
    'cluster.registry_mirrors["https://docker.io"]: https://docker.io is not a registry\'s host name; give it as in image names, without https://, such as registry.k8s.io',
  ],
  [
    ["cluster", "preflight", "allow"],
    ["cgroup1"],
    "cluster.preflight.allow[0]: cgroup1 is not one of architecture, ceph-version, cgroup-v1, clock, cloud-init, container-runtime, cpu, disk, endpoint, firewall, foreign-cluster, ip, kernel, kernel-module, limits, localhost, mac, machine-id, memory, network-links, network-routes, network-rules, noexec, os, pod-mounts, port, product-uuid, proxy, resolver, swap, sysctl, systemd; did you mean cgroup-v1?",
  ],
  [
    ["cluster", "preflight", "fix"],
    ["firewall"],
    "cluster.preflight.fix[0]: firewall is not there yet; give swap, or leave it out",
  ],
  [
    ["cluster", "ntp_servers"],
    ["ntp.example.org:123"],
    "cluster.ntp_servers[0]: ntp.example.org:123 is not a server; give an address or a host name without a port, such as ntp.example.org",
  ],
  [["nodes"], [], "nodes: is empty; give at least one node"],
  [["cluster", "name"], "c".repeat(64), `cluster.name: ${"c".repeat(45)}... ${nameRule}`],
  [
    ["nodes", 2, "name"],
    "w".repeat(53),
    `nodes[2].name: ${"w".repeat(45)}... is not a valid name; give at most 52 lower-case letters, digits and dashes (certificates have room for no more), with a letter or digit at both ends`,
  ],
  [
    ["nodes", 2, "ip"],
    "10.0.0.300",
    "nodes[2].ip: 10.0.0.300 is not an IPv4 address; give four numbers from 0 to 255, such as 10.0.0.11",
  ],
  [
    ["nodes", 2, "ip"],
    "127.0.0.1",
    "nodes[2].ip: 127.0.0.1 is not an address a machine can have on a network; give the node's own address",
  ],
  [
    ["nodes", 2, "hostname"],
    "Worker 2",
    'nodes[2].hostname: "Worker 2" is not a valid host name; give lower-case letters, digits, dashes and dots, such as master-01.example.org',
  ],
  [
    ["nodes", 2, "hostname"],
    null,
    "nodes[2].hostname: is empty; remove it, or give the host name the machine is given",
  ],
  [
    ["nodes", 2, "architecture"],
    "arm",
    "nodes[2].architecture: arm is not one of amd64, arm64; did you mean arm64?",
  ],
  [
    ["nodes", 2, "roles"],
    [],
    "nodes[2].roles: is empty; give at least one role: master, worker, ceph-mon or ceph-osd",
  ],
  [
    ["nodes", 2, "roles"],
    "worker",
    "nodes[2].roles: worker is not a list; give the roles of the node, one or more",
  ],
  [
    ["nodes", 2, "roles"],
    ["wroker"],
    "nodes[2].roles[0]: wroker is not one of master, control-plane, worker, ceph-mon, ceph-osd; did you mean worker?",
  ],
  [
    ["nodes", 2, "host_key"],
    undefined,
    "nodes[2].host_key: is missing; give the public SSH host key of the node, as in its /etc/ssh/ssh_host_ed25519_key.pub",
  ],
  [
    ["nodes", 2, "host_key"],
    rsa,
    `nodes[2].host_key: "${rsa}" is an RSA key: the SSH library offers SHA-1 signatures for it, which current servers refuse; ${hostKeyRemedy}`,
  ],
  [
    ["nodes", 2, "host_key"],
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJvEWfn9",
    `nodes[2].host_key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJvEWfn9" is damaged or cut short; ${hostKeyRemedy}`,
  ],
  [
    ["nodes", 2, "host_key"],
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    `nodes[2].host_key: "-----BEGIN OPENSSH PRIVATE KEY-----" is a private key, which belongs in no file; ${hostKeyRemedy}`,
  ],
  [
    ["nodes", 2, "host_key"],
    "10.0.0.22 ssh-ed25519 AAAA",
    `nodes[2].host_key: "10.0.0.22 ssh-ed25519 AAAA" is damaged or cut short; ${hostKeyRemedy}`,
  ],
  [
    ["nodes", 2, "host_key"],
    "10.0.0.22",
    `nodes[2].host_key: 10.0.0.22 is not an ed25519 or ecdsa host key; ${hostKeyRemedy}`,
  ],
  [
    ["nodes", 2, "host_key"],
    `10.0.0.22 ${rsa}`,
    `nodes[2].host_key: "10.0.0.22 ${rsa.slice(0, 35)}..." is an RSA key: the SSH library offers SHA-1 signatures for it, which current servers refuse; ${hostKeyRemedy}`,
  ],
  [
    ["nodes", 2, "host_key"],
    `@cert-authority * ${hostKey(3)}`,
    `nodes[2].host_key: "@cert-authority * ssh-ed25519 AAAAC3NzaC1lZDI..." is an authority's key, not the node's own; ${hostKeyRemedy}`,
  ],
  [
    ["nodes", 2, "host_key"],
    `a ${hostKey(3)}\nb ${hostKey(4)}`,
    `nodes[2].host_key: "a ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAQEBAQ..." holds 2 ssh-ed25519 keys, and a machine has one; ${hostKeyRemedy}`,
  ],
  [
    ["nodes", 2, "labels"],
    { "node-role.kubernetes.io/worker": "" },
    'nodes[2].labels["node-role.kubernetes.io/worker"]: node-role.kubernetes.io/worker is a label Groundwork sets from the node\'s roles; remove it',
  ],
  [
    ["nodes", 2, "labels"],
    { "kubernetes.io/arch": "amd64" },
    'nodes[2].labels["kubernetes.io/arch"]: kubernetes.io/arch is a label the kubelet sets by itself; remove it',
  ],
  [
    ["nodes", 2, "labels"],
    { rack: null },
    "nodes[2].labels.rack: is empty; give the value of the label",
  ],
  [
    ["nodes", 2, "labels"],
    { rack: "row 5" },
    'nodes[2].labels.rack: "row 5" is not a valid value; give at most 63 letters, digits, dashes, dots and underscores, or nothing',
  ],
  [
    ["nodes", 2, "taints"],
    [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }],
    "nodes[2].taints[0].key: node-role.kubernetes.io/control-plane is a taint Groundwork sets: a master has it unless it has the role worker too; remove it",
  ],
  [
    ["nodes", 2, "taints"],
    [{ key: "dedicated", effect: "noschedule" }],
    "nodes[2].taints[0].effect: noschedule is not one of NoSchedule, PreferNoSchedule, NoExecute; did you mean NoSchedule?",
  ],
  [
    ["nodes", 2, "hardware", "mac_addresses"],
    ["52-54-00-12-34-56"],
    "nodes[2].hardware.mac_addresses[0]: 52-54-00-12-34-56 is not a MAC address; give six bytes with colons, such as 52:54:00:12:34:56",
  ],
  [
    ["nodes", 2, "generation"],
    0,
    "nodes[2].generation: 0 is too small; give a whole number from 1",
  ],
  [
    ["nodes", 2, "maintenance"],
    -1,
    "nodes[2].maintenance: -1 is too small; give a whole number from 0",
  ],
  [["nodes", 2], 7, "nodes[2]: 7 is not a mapping; give the mapping that describes one machine"],
];

describe("a value of the cluster file", () => {
  it("is accepted when it is right", () => assert.deepEqual(problemsOf(sampleFile()), []));

  for (const [path, value, line] of cases) {
    it(`is explained: ${line.length > 90 ? `${line.slice(0, 87)}...` : line}`, () => {
      assert.deepEqual(problemsOf(withValue(sampleFile(), path, value)), [line]);
    });
  }

  const key = hostKey(3);
  const others = `10.0.0.22 ${rsa}\n10.0.0.22 ecdsa-sha2-nistp256 AAAA\n`;
  for (const [what, text] of [
    ["the .pub file", `${key} root@worker-02\n`],
    ["ssh-keyscan", `10.0.0.22 ${key}`],
    ["ssh-keyscan on another port", `[10.0.0.22]:2222 ${key}`],
    ["known_hosts, with several names", `worker-02,10.0.0.22 ${key} comment`],
    [
      "known_hosts, with hashed names",
      `|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ${key}`,
    ],
    [
      "all that ssh-keyscan prints",
      `# 10.0.0.22:22 SSH-2.0-OpenSSH_9.2\n${others}10.0.0.22 ${key}\n`,
    ],
  ] as const) {
    it(`is a host key as it stands in ${what}`, () => {
      const plan = planOf(withValue(sampleFile(), ["nodes", 2, "host_key"], text));
      assert.equal(plan.nodes.find(({ name }) => name === "worker-02")?.ssh.hostKey, key);
    });
  }

  for (const [text, rule] of [
    ["1.36", "is not a full version; give three numbers without a leading v, such as 1.36.3"],
    ["v1.36.3", "is not a full version; give three numbers without a leading v, such as 1.36.3"],
    ["1.33.1", "is not supported by this release; give a version of 1.34, 1.35, 1.36"],
  ]) {
    it(`is explained: Kubernetes version ${text}`, () => {
      const file = withValue(sampleFile(), ["cluster", "kubernetes", "version"], text);
      assert.deepEqual(problemsOf(file), [`cluster.kubernetes.version: ${text} ${rule}`]);
    });
  }
});
