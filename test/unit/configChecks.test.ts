import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import {
  allChecksums,
  type FileData,
  hostKey,
  planOf,
  privateKey,
  problemsOf,
  sampleFile,
  withValue,
} from "./clusterSample";

type Change = [path: (string | number)[], value: unknown];

function changed(...changes: Change[]): FileData {
  return changes.reduce((file, [path, value]) => withValue(file, path, value), sampleFile());
}

const networking = (field: string, value: string | number): Change => [
  ["cluster", "networking", field],
  value,
];
const node = (index: number, ...path: (string | number)[]) => ["nodes", index, ...path];
const insideRemedy =
  "which exists only inside the cluster; give another address, or another network";
const room = (size: string, most = 252) =>
  `pods for which a node's ${size} of the pod network has addresses; give at most ${most}, or, for a cluster that is yet to be made, a smaller cluster.networking.node_cidr_mask_size`;
const kubelet = "dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubelet";
/** Checksums of what nodes of arm64 download, and of nothing else. */
const onlyArm = () =>
  Object.fromEntries(Object.entries(allChecksums()).filter(([key]) => key.includes("arm64")));
const checksum = (key: string) => ["cluster", "artifacts", "sha256", key];

/** What is wrong, how the file comes to it, and all that is reported. */
const cases: [title: string, file: FileData, lines: string[]][] = [
  [
    "pod and service networks that overlap",
    changed(networking("service_cidr", "10.244.16.0/20")),
    [
      "cluster.networking.service_cidr: 10.244.16.0/20 overlaps with the pod network 10.244.0.0/16; give two networks that share no address",
    ],
  ],
  [
    "a finding that is accepted and mended",
    changed([["cluster", "preflight"], { allow: ["clock", "swap"], fix: ["swap"] }]),
    [
      "cluster.preflight.fix[0]: swap stands in cluster.preflight.allow, too: it is accepted, or it is mended; take it out of one of the two",
    ],
  ],
  [
    "masters all of which are lost",
    changed([node(0, "lost"), true]),
    [
      "nodes[0].lost: true leaves no master to take the lost ones out of the cluster; keep at least one, or see docs/operations.md for a cluster that lost its quorum",
    ],
  ],
  [
    "a service network that holds the pod network",
    changed(networking("pod_cidr", "10.244.0.0/16"), networking("service_cidr", "10.240.0.0/12")),
    [
      "cluster.networking.service_cidr: 10.240.0.0/12 overlaps with the pod network 10.244.0.0/16; give two networks that share no address",
    ],
  ],
  [
    "a pod network with less than a /24 for each node",
    changed(networking("pod_cidr", "10.244.0.0/23")),
    [
      "cluster.networking.pod_cidr: 10.244.0.0/23 has room for 2 nodes of a /24 each, and there are 3; give a /22 or larger, or a larger node_cidr_mask_size",
    ],
  ],
  [
    "a pod network with less than one of the given size for each node",
    changed(networking("pod_cidr", "10.244.0.0/27"), networking("node_cidr_mask_size", 28)),
    [
      "cluster.networking.pod_cidr: 10.244.0.0/27 has room for 2 nodes of a /28 each, and there are 3; give a /26 or larger",
    ],
  ],
  [
    "a pod network that has too many of the given size",
    changed(networking("pod_cidr", "10.128.0.0/10"), networking("node_cidr_mask_size", 27)),
    ["cluster.networking.pod_cidr: 10.128.0.0/10 is too large; give a /11 or smaller"],
  ],
  [
    "more pods than a node has addresses for, once, where they stand",
    changed([["cluster", "kubernetes", "kubelet"], { config: { maxPods: 500 } }]),
    [`cluster.kubernetes.kubelet.config.maxPods: 500 is more than the 252 ${room("/24")}`],
  ],
  [
    "more pods of one group's nodes than they have addresses for",
    changed(
      networking("node_cidr_mask_size", 26),
      [["cluster", "kubernetes", "kubelet"], { config: { maxPods: 60 } }],
      [["groups"], { gpu: { kubelet: { config: { maxPods: 61 } } } }],
      [node(1, "group"), "gpu"],
    ),
    [`groups.gpu.kubelet.config.maxPods: 61 is more than the 60 ${room("/26", 60)}`],
  ],
  [
    "a group that is not there",
    changed([["groups"], { gpu: {} }], [node(1, "group"), "gpo"], [node(2, "group"), "storage"]),
    [
      "nodes[1].group: gpo is not in groups; did you mean gpu?",
      "nodes[2].group: storage is not in groups; describe it there, or remove it here",
    ],
  ],
  [
    "swap that is accepted, and kubelets that do not start with it",
    changed([["cluster", "preflight"], { allow: ["cgroup-v1", "swap"] }]),
    [
      "cluster.preflight.allow[1]: swap is accepted, and no kubelet starts where there is some; set failSwapOn: false in cluster.kubernetes.kubelet.config as well, or take swap out of allow and into fix",
    ],
  ],
  [
    "a field that the version does not have, wherever it stands",
    changed(
      [["cluster", "kubernetes", "version"], "1.35.4"],
      [["cluster", "artifacts", "sha256"], allChecksums("1.35.4")],
      [["cluster", "kubernetes", "kubelet"], { config: { memoryReservationPolicy: "None" } }],
      [["groups"], { gpu: { kubelet: { config: { tlsCurvePreferences: [29] } } } }],
    ),
    [
      "cluster.kubernetes.kubelet.config.memoryReservationPolicy: memoryReservationPolicy is a field of Kubernetes 1.36, and cluster.kubernetes.version is 1.35.4; remove it",
      "groups.gpu.kubelet.config.tlsCurvePreferences: tlsCurvePreferences is a field of Kubernetes 1.36, and cluster.kubernetes.version is 1.35.4; remove it",
    ],
  ],
  [
    "settings of a kubelet on a node that runs none",
    changed([node(2, "roles"), ["ceph-mon"]], [node(2, "kubelet"), { config: { maxPods: 10 } }]),
    [
      "nodes[2].kubelet: is for a kubelet, and nodes[2] (worker-02) runs none: it is neither master nor worker; remove it",
    ],
  ],
  [
    "a service network without room for the DNS address",
    changed(networking("service_cidr", "10.96.0.0/29")),
    [
      "cluster.networking.service_cidr: 10.96.0.0/29 has 6 usable addresses, and the cluster's DNS takes the tenth; give a /28 or larger",
    ],
  ],
  [
    "a service network the API server would refuse",
    changed(networking("service_cidr", "172.0.0.0/11")),
    [
      "cluster.networking.service_cidr: 172.0.0.0/11 is larger than the API server allows; give a /12 or smaller",
    ],
  ],
  [
    "a node inside the pod network",
    changed([node(1, "ip"), "10.244.3.4"]),
    [`nodes[1].ip: 10.244.3.4 lies in the pod network 10.244.0.0/16, ${insideRemedy}`],
  ],
  [
    "a node inside the service network",
    changed([node(1, "ip"), "10.96.3.4"]),
    [`nodes[1].ip: 10.96.3.4 lies in the service network 10.96.0.0/16, ${insideRemedy}`],
  ],
  [
    "an endpoint inside the pod network",
    changed([["cluster", "endpoint"], "10.244.0.1:443"]),
    [`cluster.endpoint: 10.244.0.1 lies in the pod network 10.244.0.0/16, ${insideRemedy}`],
  ],
  [
    "two nodes of one name",
    changed([node(2, "name"), "worker-01"]),
    [
      "nodes[2].name: worker-01 is already the name of nodes[1] (worker-01); give each node a name of its own",
    ],
  ],
  [
    "two nodes of one address",
    changed([node(2, "ip"), "10.0.0.21"]),
    [
      "nodes[2].ip: 10.0.0.21 is already the address of nodes[1] (worker-01); give each node an address of its own",
    ],
  ],
  [
    "two nodes behind one SSH address",
    changed([node(1, "ssh"), { host: "jump" }], [node(2, "ssh"), { host: "jump", port: 22 }]),
    [
      "nodes[2].ssh.host: jump:22 is already the SSH address of nodes[1] (worker-01); give each node an SSH host or port of its own",
    ],
  ],
  [
    "a node dialled at another node's address",
    changed([node(2, "ssh"), { host: "10.0.0.21" }]),
    [
      "nodes[2].ssh.host: 10.0.0.21:22 is already the SSH address of nodes[1] (worker-01); give each node an SSH host or port of its own",
    ],
  ],
  [
    "two nodes of one host key",
    changed([node(2, "host_key"), `${hostKey(2)} root@image`]),
    [
      `nodes[2].host_key: "${hostKey(2).slice(0, 45)}..." is already the host key of nodes[1] (worker-01); give each node its own key; on machines cloned from one image, remove /etc/ssh/ssh_host_* and run ssh-keygen -A first`,
    ],
  ],
  [
    "two nodes of one host name",
    changed([node(1, "hostname"), "w.example.org"], [node(2, "hostname"), "w.example.org"]),
    [
      "nodes[2].hostname: w.example.org is already the host name of nodes[1] (worker-01); give each node a host name of its own",
    ],
  ],
  [
    "a host name that is another node's name",
    changed([node(1, "hostname"), "worker-02"]),
    [
      "nodes[2].hostname: worker-02 is already the host name of nodes[1] (worker-01); give each node a host name of its own",
    ],
  ],
  [
    "two nodes of one network card, in any case of letters",
    changed(
      [node(1, "hardware"), { mac_addresses: ["52:54:00:00:00:0a"] }],
      [node(2, "hardware"), { mac_addresses: ["52:54:00:00:00:0A"] }],
    ),
    [
      "nodes[2].hardware.mac_addresses[0]: 52:54:00:00:00:0a is already a MAC address of nodes[1] (worker-01); give each network card once",
    ],
  ],
  [
    "an address to answer at first, and no network to be given",
    changed([node(1, "bootstrap_address"), "192.0.2.7"]),
    [
      "nodes[1].bootstrap_address: 192.0.2.7 leads to a machine that is given no network; give its interfaces too, or, where it keeps the address, give it as ssh.host",
    ],
  ],
  [
    "an interface of no card, without an address and a prefix",
    changed([node(1, "interfaces"), [{}]]),
    [
      "nodes[1].interfaces[0].addresses: 10.0.0.21 has no prefix length; give one, such as 10.0.0.21/24, or cluster.networking.interface_defaults.prefix_length",
      "nodes[1].interfaces[0].mac_addresses: is missing; give the MAC address of the network card: no interface is guessed",
    ],
  ],
  [
    "interfaces that do not have the node's address, cards without a bond, and a card twice",
    changed([
      node(1, "interfaces"),
      [
        { mac_addresses: ["52:54:00:00:00:01", "52:54:00:00:00:02"], addresses: ["10.1.0.1/24"] },
        { mac_addresses: ["52:54:00:00:00:02"] },
      ],
    ]),
    [
      "nodes[1].interfaces: none of them has the node's ip 10.0.0.21 among its addresses; give it where the other nodes reach the machine",
      "nodes[1].interfaces[0].mac_addresses: 52:54:00:00:00:01, 52:54:00:00:00:02 are 2 network cards without a bond; give bond with its mode, or one card for each interface",
      "nodes[1].interfaces[1].addresses: is missing; give the addresses the machine has here, or vlans",
      "nodes[1].interfaces[1].mac_addresses[0]: 52:54:00:00:00:02 is already a MAC address of nodes[1] (worker-01); give each network card once",
    ],
  ],
  [
    "bonds and VLANs of one name, and the node's address in both",
    changed([
      node(1, "interfaces"),
      ["1", "2"].map((n) => ({
        mac_addresses: [`52:54:00:00:00:0${n}`],
        bond: { mode: "active-backup" },
        vlans: [{ id: 5, addresses: ["10.0.0.21/24"] }],
      })),
    ]),
    [
      "nodes[1].interfaces: 2 of them have the node's ip 10.0.0.21 among their addresses; give it once",
      "nodes[1].interfaces[1].bond.name: bond0 is another bond of the node already; give each a name of its own",
      "nodes[1].interfaces[1].vlans[0].id: 5 is another VLAN of the node already; give each VLAN once",
    ],
  ],
  [
    "gateways that are no neighbours, the machine itself, or two",
    changed(
      [["cluster", "networking", "interface_defaults"], { gateway: "10.0.1.1", prefix_length: 24 }],
      [node(0, "interfaces"), [{ mac_addresses: ["52:54:00:00:00:01"] }]],
      [node(1, "interfaces"), [{ mac_addresses: ["52:54:00:00:00:02"], gateway: "10.0.0.21" }]],
      [
        node(2, "interfaces"),
        [
          { mac_addresses: ["52:54:00:00:00:03"], addresses: ["10.0.0.22/22"] },
          {
            mac_addresses: ["52:54:00:00:00:04"],
            addresses: ["10.8.0.22/22"],
            gateway: "10.8.0.1",
          },
        ],
      ],
    ),
    [
      "nodes[0].interfaces[0].gateway: 10.0.1.1 (from cluster.networking.interface_defaults) is in none of the networks here (10.0.0.11/24); give a router that is, or other prefix lengths",
      "nodes[1].interfaces[0].gateway: 10.0.0.21 is the machine's own address; give the router's",
      "nodes[2].interfaces[1].gateway: 10.8.0.1 is the node's second default gateway; give one of them, where the others are reached without",
    ],
  ],
  [
    "two nodes of one card, one address and one bootstrap address",
    changed(
      [
        node(1, "interfaces"),
        [{ mac_addresses: ["52:54:00:00:00:01"], addresses: ["10.0.0.21/24", "10.0.0.90/24"] }],
      ],
      [node(1, "bootstrap_address"), "192.0.2.7"],
      [node(2, "hardware"), { mac_addresses: ["52:54:00:00:00:01"] }],
      [
        node(2, "interfaces"),
        [
          {
            mac_addresses: ["52:54:00:00:00:01"],
            addresses: ["10.0.0.22/24"],
            vlans: [{ id: 3, addresses: ["10.0.0.90/24", "10.244.3.4/24"] }],
          },
        ],
      ],
      [node(2, "bootstrap_address"), "192.0.2.7"],
    ),
    [
      "nodes[2].bootstrap_address: 192.0.2.7 is already the bootstrap address of nodes[1] (worker-01); have each machine answer at an address of its own; of machines that come up with the same one, add one after the other",
      "nodes[2].interfaces[0].mac_addresses[0]: 52:54:00:00:00:01 is already a MAC address of nodes[1] (worker-01); give each network card once",
      "nodes[2].interfaces[0].vlans[0].addresses[0]: 10.0.0.90 is already the address of nodes[1] (worker-01); give each node an address of its own",
      "nodes[2].interfaces[0].vlans[0].addresses[1]: 10.244.3.4 lies in the pod network 10.244.0.0/16, which exists only inside the cluster; give another address, or another network",
    ],
  ],
  [
    "workers without a master",
    changed([node(0, "roles"), ["worker"]]),
    [
      "nodes: no node is a master, and the workers need one; give at least one node the role master, better three",
    ],
  ],
  [
    "a taint that is there twice",
    changed([
      node(1, "taints"),
      [
        { key: "dedicated", value: "a", effect: "NoSchedule" },
        { key: "dedicated", value: "b", effect: "NoSchedule" },
      ],
    ]),
    ["nodes[1].taints[1]: dedicated:NoSchedule is there twice; give each key and effect once"],
  ],
  [
    "a taint that is there twice in a group",
    changed([
      ["groups"],
      {
        gpu: {
          taints: [
            { key: "gpu", effect: "NoSchedule" },
            { key: "gpu", effect: "NoExecute" },
            { key: "gpu", effect: "NoSchedule" },
          ],
        },
      },
    ]),
    ["groups.gpu.taints[2]: gpu:NoSchedule is there twice; give each key and effect once"],
  ],
  [
    "no way to log in",
    changed([["cluster", "ssh"], {}]),
    [
      "cluster.ssh: names no key to log in with; give private_key_file, or agent: true for ssh-agent",
    ],
  ],
  [
    "two ways to log in",
    changed([["cluster", "ssh", "private_key_file"], "key"]),
    ["cluster.ssh.agent: true excludes private_key_file; remove one of the two"],
  ],
  [
    "a public key for a private one",
    changed([["cluster", "ssh"], { private_key_file: "key.pub" }]),
    [
      "cluster.ssh.private_key_file: key.pub holds no private key (that is FOLDER/key.pub); give the private half, the file without .pub",
    ],
  ],
  [
    "a private key with a passphrase",
    changed([node(1, "ssh", "private_key_file"), "locked"]),
    [
      "nodes[1].ssh.private_key_file: locked is protected by a passphrase (that is FOLDER/locked); add it to ssh-agent and set agent: true instead",
    ],
  ],
  [
    "a private key with a passphrase in the form of PKCS #8",
    changed([["cluster", "ssh"], { private_key_file: "encrypted" }]),
    [
      "cluster.ssh.private_key_file: encrypted is protected by a passphrase (that is FOLDER/encrypted); add it to ssh-agent and set agent: true instead",
    ],
  ],
  [
    "a private key that the SSH client does not read",
    changed([["cluster", "ssh"], { private_key_file: "pkcs8" }]),
    [
      "cluster.ssh.private_key_file: pkcs8 is a private key in a form that the SSH client does not read (that is FOLDER/pkcs8); 'ssh-keygen -p -f FOLDER/pkcs8' writes it anew in OpenSSH's own",
    ],
  ],
  [
    "half a private key",
    changed([["cluster", "ssh"], { private_key_file: "half" }]),
    [
      "cluster.ssh.private_key_file: half is damaged or cut short (that is FOLDER/half); copy the whole file again",
    ],
  ],
  [
    "a private key that is not there",
    changed([["cluster", "ssh"], { private_key_file: "keys/id" }]),
    [
      "cluster.ssh.private_key_file: keys/id is no file (that is FOLDER/keys/id); give the path of an SSH private key, from the cluster file's folder",
    ],
  ],
  [
    "a missing checksum",
    // Of a version that will never be, the release knows none.
    changed(
      [["cluster", "kubernetes", "version"], "1.36.999"],
      [["cluster", "artifacts", "sha256"], allChecksums("1.36.999")],
      [checksum(kubelet.replace("1.36.3", "1.36.999")), undefined],
      [["cluster", "artifacts", "base_url"], "https://mirror.example.org/"],
    ),
    [
      `cluster.artifacts.sha256["${kubelet.replace("1.36.3", "1.36.999")}"]: is missing, and the release knows none; give the SHA-256 checksum of https://mirror.example.org/${kubelet.replace("1.36.3", "1.36.999")}, or let npm run artifacts -- FILE --fetch find it out`,
    ],
  ],
  [
    "a checksum that is none: once",
    changed([checksum(kubelet), "sha256:12"]),
    [
      `cluster.artifacts.sha256["${kubelet}"]: sha256:12 is not a SHA-256 checksum; give 64 hexadecimal digits, as sha256sum prints them`,
    ],
  ],
  [
    "a checksum of a misspelt file",
    changed([checksum(kubelet.replace("kubelet", "kubelett")), "ab".repeat(32)]),
    [
      `cluster.artifacts.sha256["${kubelet}t"]: belongs to no file the nodes download; did you mean ${kubelet}?`,
    ],
  ],
];

const pkcs8 = (secret: { cipher?: string; passphrase?: string } = {}) =>
  generateKeyPairSync("ed25519", {
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem", ...secret },
  }).privateKey;

describe("the values of the cluster file together", () => {
  const files = {
    key: privateKey(),
    locked: privateKey("secret"),
    pkcs8: pkcs8(),
    encrypted: pkcs8({ cipher: "aes-256-cbc", passphrase: "secret" }),
    half: privateKey().replace(/^(.{120})[^-]*/s, "$1\n"),
    "key.pub": "ssh-ed25519 AAAA",
  };
  for (const [title, file, lines] of cases) {
    it(`are refused with ${title}`, () => {
      const found = problemsOf(file, files).map((line) =>
        line.replaceAll(/\/[^ ]*groundwork-config-\w+\//g, "FOLDER/"),
      );
      assert.deepEqual(found, lines);
    });
  }

  it("may accept swap where some kubelets start with it, or there is none", () => {
    const swap: Change = [["cluster", "preflight"], { allow: ["swap"] }];
    const config = { failSwapOn: false };
    assert.deepEqual(problemsOf(changed(swap, [node(2, "kubelet"), { config }])), []);
    const group: Change = [["groups"], { swapped: { kubelet: { config } } }];
    assert.deepEqual(problemsOf(changed(swap, group, [node(1, "group"), "swapped"])), []);
    const inVain = problemsOf(changed(swap, group));
    assert.match(inVain.join(), /swap is accepted, and no kubelet starts/);
  });

  it("may be a cluster that only stores", () => {
    const file = [0, 1, 2].reduce(
      (file, i) =>
        withValue(
          withValue(file, ["nodes", i, "roles"], ["ceph-mon", "ceph-osd"]),
          ["nodes", i, "storage"],
          { devices: [{ path: "/dev/disk/by-id/ata-1" }] },
        ),
      withValue(sampleFile(), ["cluster", "artifacts"], {}),
    );
    assert.deepEqual(problemsOf(file), []);
  });

  it("may hold checksums for an architecture no node has yet", () => {
    assert.ok(Object.keys(allChecksums()).some((key) => key.includes("arm64")));
    assert.deepEqual(problemsOf(sampleFile()), []);
  });

  describe("with nodes that are not managed", () => {
    const edge = { name: "edge-01", ip: "10.0.0.31", roles: ["worker"], managed: false };
    const withEdge = (own: object = {}, ...changes: Change[]) => {
      const file = changed(...changes);
      return { ...file, nodes: [...(file.nodes as object[]), { ...edge, ...own }] };
    };

    it("needs to know of them what they are called and where they answer, and no way in", () => {
      assert.deepEqual(problemsOf(withEdge()), []);
      assert.deepEqual(problemsOf(withEdge({ cert_sans: ["edge.example.org", "192.0.2.31"] })), []);
      const plan = planOf(withEdge({ cert_sans: ["b.example.org", "a.example.org"] }));
      assert.deepEqual(plan.unmanaged, [
        { name: "edge-01", ip: "10.0.0.31", certSans: ["a.example.org", "b.example.org"] },
      ]);
      assert.ok(!plan.nodes.some(({ name }) => name === "edge-01"));
    });

    it("asks nobody for a key to log in to them, or for their programs", () => {
      const keyed = ["nodes", 0, "ssh"];
      assert.match(
        problemsOf(withEdge({}, [["cluster", "ssh"], {}], [keyed, {}])).join(),
        /no key/,
      );
      const arm = withEdge(
        {},
        [node(0, "architecture"), "arm64"],
        [node(1, "architecture"), "arm64"],
        [node(2, "architecture"), "arm64"],
        [["cluster", "artifacts", "sha256"], onlyArm()],
      );
      assert.deepEqual(problemsOf(arm), []);
    });

    const whose = "nodes[3] (edge-01)";
    for (const [what, file, lines] of [
      [
        "roles that are not theirs",
        withEdge({ roles: ["worker", "master", "ceph-osd"] }),
        [
          `nodes[3].roles[1]: master is not for ${whose}, which is not managed: its machine is not ours to put it there; give the role worker alone, or take managed: false away`,
          `nodes[3].roles[2]: ceph-osd is not for ${whose}, which is not managed: its machine is not ours to put it there; give the role worker alone, or take managed: false away`,
        ],
      ],
      [
        "what nobody would do there",
        withEdge({
          host_key: hostKey(9),
          ssh: { port: 23 },
          labels: { rack: "a" },
          lost: true,
          generation: 2,
        }),
        ["generation", "host_key", "labels", "lost", "ssh"].map(
          (key) =>
            `nodes[3].${key}: says something of ${whose}, which is not managed: nobody would do it there; remove it, or take managed: false away`,
        ),
      ],
      [
        "another's name, another's address, and the API's",
        withEdge(
          { cert_sans: ["worker-01", "10.0.0.22", "localhost", "127.0.0.2", "api.example.org"] },
          [["cluster", "endpoint"], "api.example.org"],
        ),
        (
          [
            ["worker-01", "nodes[1] (worker-01)"],
            ["10.0.0.22", "nodes[2] (worker-02)"],
            ["localhost", "the API servers"],
            ["127.0.0.2", "the API servers"],
            ["api.example.org", "the API servers"],
          ] as const
        ).map(
          ([name, other], i) =>
            `nodes[3].cert_sans[${i}]: ${name} is the name of ${other}, for whom the node would pass; give names and addresses that are its own`,
        ),
      ],
      [
        "another's name and address for its own",
        withEdge({ name: "worker-01", ip: "10.0.0.22" }),
        [
          "nodes[3].hostname: worker-01 is already the host name of nodes[1] (worker-01); give each node a host name of its own",
          "nodes[3].ip: 10.0.0.22 is already the address of nodes[2] (worker-02); give each node an address of its own",
          "nodes[3].name: worker-01 is already the name of nodes[1] (worker-01); give each node a name of its own",
        ].slice(1),
      ],
      [
        "names of a node that is managed",
        changed([node(1, "cert_sans"), ["a.example.org"]]),
        [
          "nodes[1].cert_sans: is for nodes that are not managed: a kubelet of ours serves with name and ip alone; remove it, or say managed: false",
        ],
      ],
      [
        "a pod network with no room for them: each takes its part of it",
        withEdge({}, networking("pod_cidr", "10.244.0.0/23")),
        [
          "cluster.networking.pod_cidr: 10.244.0.0/23 has room for 2 nodes of a /24 each, and there are 4; give a /22 or larger, or a larger node_cidr_mask_size",
        ],
      ],
      [
        "all others lost: none of them takes the lost out",
        withEdge({}, [node(0, "lost"), true], [node(1, "lost"), true], [node(2, "lost"), true]),
        [
          "nodes[0].lost: true leaves no node to take the lost ones out of the cluster; keep at least one, or see docs/operations.md for a cluster that lost its quorum",
        ],
      ],
      [
        "no way into the others, beside what else is wrong with them",
        withEdge({}, [node(1, "host_key"), undefined], [node(1, "generation"), 0]),
        [
          "nodes[1].generation: 0 is too small; give a whole number from 1",
          "nodes[1].host_key: is missing; give the public SSH host key of the node, as in its /etc/ssh/ssh_host_ed25519_key.pub",
        ],
      ],
    ] as const)
      it(`refuses ${what}`, () => assert.deepEqual(problemsOf(file as FileData), lines));
  });
});
