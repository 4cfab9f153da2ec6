import assert from "node:assert/strict";
import { assertIsTheFile, fileNodes, leftovers } from "./expected";
import { converge, editCluster, eventually, must, on, run, settle, stepsOf, up } from "./lab";

const ip: Readonly<Record<string, string>> = {
  "master-01": "10.77.0.11",
  "master-02": "10.77.0.12",
  "worker-01": "10.77.0.21",
  "worker-02": "10.77.0.22",
  "store-01": "10.77.0.31",
};
/** What nodes listen at, but for Ceph's daemons, whose ports nobody knows beforehand. */
const etcd = [2379, 2380];
const [ssh, api, kubelet, monitor, metrics] = [22, 6443, 10250, 3300, 9283];
const closed: Readonly<Record<string, readonly number[]>> = {
  "master-01": [...etcd, kubelet],
  "master-02": [...etcd, kubelet],
  "worker-01": [kubelet],
  "worker-02": [kubelet],
  "store-01": [monitor, metrics],
};
const nodes = Object.keys(ip);

/** Of these ports of machines, `NODE:PORT`, those that answer whoever runs it; a refusal is an answer, too. */
const asked = (ends: readonly string[]) => `for end in ${ends.join(" ")}; do
  { node=\${end%:*}
    said=$({ timeout 2 bash -c ": <>/dev/tcp/$node/\${end#*:}"; } 2>&1)
    [ $? -eq 124 ] || echo "$end \${said:+refused}"; } &
done; wait`;
const answering = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .sort();
const ends = (
  of: readonly string[],
  ports = (node: string): readonly number[] => closed[node] ?? [],
) => of.flatMap((node) => ports(node).map((port) => `${ip[node]}:${port}`)).sort();

/** What answers to the lab's own host, which is no node. */
const answerStranger = (wanted: readonly string[]) => answering(must(asked(wanted)));
const answerNode = (node: string, wanted: readonly string[]) =>
  answering(on(node, asked(wanted)).stdout);
/** As pods are: from the probe's namespace. */
const answerPod = (node: string, wanted: readonly string[]) =>
  answering(on(node, `ip netns exec groundwork-probe bash <<'END'\n${asked(wanted)}\nEND`).stdout);

/** Ports of Ceph's daemons on a machine. */
const daemons = (node: string) =>
  on(
    node,
    "ss -Hltn 'sport >= :6800 and sport <= :7568' | awk '{ print $4 }' | sed 's/.*://' | sort -u",
  )
    .stdout.trim()
    .split("\n")
    .map(Number);

const assertClosed = (of: readonly string[] = fileNodes()) => {
  assert.deepEqual(answerStranger(ends(of)), []);
  if (of.includes("store-01")) {
    const ports = daemons("store-01");
    assert.ok(ports.length > 1, ports.join());
    assert.deepEqual(answerStranger(ends(["store-01"], () => ports)), []);
  }
};

/** Whom a machine lets in, and the state of its rules. */
const letIn = (node: string, set = "nodes") =>
  on(
    node,
    `nft -j list set inet groundwork ${set} | jq -r '.nftables[].set? | select(. != null).elem[]? | if type == "object" then "\\(.elem.val) leaves" else . end'`,
  )
    .stdout.trim()
    .split("\n")
    .sort();
const rules = (node: string) => on(node, "/usr/local/lib/groundwork/firewall-check").stdout.trim();

/** Whether a packet of a stranger's VXLAN comes out on the node's side of the tunnel. */
function injects(node: string): boolean {
  const count =
    "nft -j list table ip stranger | jq '[.nftables[].rule?.expr[]?.counter?.packets // 0] | add'";
  const mac = on(node, "cat /sys/class/net/flannel.1/address").stdout.trim();
  on(
    node,
    `nft -f - <<'END'
table ip stranger {
  chain seen {
    type filter hook prerouting priority -300;
    iifname "flannel.1" ip saddr 192.0.2.66 counter
  }
}
END`,
  );
  try {
    must(`ip link delete stranger 2>/dev/null || true
      ip link add stranger type vxlan id 1 local 10.77.0.1 remote ${ip[node]} dstport 8472 nolearning
      ip link set stranger up
      ip address add 192.0.2.66/32 dev stranger
      ip neigh add 192.0.2.67 lladdr ${mac} dev stranger
      ip route add 192.0.2.67/32 dev stranger src 192.0.2.66
      for _ in 1 2 3; do echo let me in >/dev/udp/192.0.2.67/4711; sleep 0.2; done`);
    return Number(on(node, count).stdout) > 0;
  } finally {
    run("ip link delete stranger");
    on(node, "nft delete table ip stranger");
  }
}

/** What the status finds, each finding on one line. */
const status = () =>
  run("npm run -s status -- --file .lab/cluster.yaml").stdout.replaceAll(/\n {2,4}(?=\S)/g, " ");
const setFirewall = (settings: object) =>
  editCluster((file) => file.setIn(["cluster", "networking", "firewall"], settings));
/** Processes of services, which are others when they have restarted. */
const processes = () =>
  ["master-01", "worker-01", "store-01"].map(
    (node) =>
      on(
        node,
        "systemctl show --property=Id,MainPID etcd kube-apiserver kubelet flanneld kube-proxy ceph-mon@store-01 ceph-osd@0",
      ).stdout,
  );

describe("the firewall of the nodes", function () {
  this.timeout(900_000);

  before(() => {
    must("pulumi stack select dev --create");
    converge();
  });
  after(() => {
    run("ip link delete stranger; ip address del 10.77.0.9/24 dev groundwork0");
  });

  it("closes what nodes listen at for each other to everybody else, and leaves SSH and the API open", async () => {
    await eventually(() => assertClosed(), 30);
    const open = ends(nodes, (node) => (node.startsWith("master") ? [ssh, api] : [ssh]));
    assert.deepEqual(answerStranger(open), open);
  });

  it("lets nodes and pods reach what they need, and masters alone etcd", () => {
    const kubelets = ends(["master-01", "master-02", "worker-01", "worker-02"], () => [kubelet]);
    const ceph = ends(["store-01"], () => [monitor, metrics, ...daemons("store-01")]);
    for (const node of ["master-01", "worker-01"]) {
      assert.deepEqual(answerNode(node, [...kubelets, ...ceph]), [...kubelets, ...ceph].sort());
      assert.deepEqual(answerPod(node, [...kubelets, ...ceph]), [...kubelets, ...ceph].sort());
    }
    const members = ends(["master-01", "master-02"], () => etcd);
    assert.deepEqual(answerNode("master-02", members), members);
    assert.deepEqual(answerNode("worker-01", members), []);
    assert.deepEqual(answerNode("store-01", members), []);
  });

  it("is beside a cluster that works as without", () => assertIsTheFile());

  it("keeps a stranger's packets out of the pod network, and the status says where it is missing", () => {
    const sound = () => assert.doesNotMatch(status(), /firewall|table of nftables/);
    sound();
    assert.equal(injects("worker-01"), false);
    on("worker-01", "nft delete table inet groundwork");
    assert.equal(injects("worker-01"), true);
    assert.match(status(), /worker-01 has no table of the cluster's firewall in its kernel/);
    on("worker-01", "systemctl restart groundwork-firewall");
    assert.equal(injects("worker-01"), false);
    on("worker-01", "nft add element inet groundwork nodes '{ 10.77.0.1 }'");
    assert.match(status(), /worker-01 has other rules in the cluster's table of nftables/);
    on("worker-01", "systemctl restart groundwork-firewall");
    sound();
  });

  it("is there after a reboot before anything listens, and after nftables.service emptied the ruleset", async () => {
    const rebooted = ["master-02", "worker-02"];
    for (const node of rebooted) must(`lab/node kill ${node}`);
    for (const node of rebooted) must(`lab/node start ${node}`);
    await eventually(() => {
      for (const node of rebooted) {
        assert.equal(rules(node), "same");
        const started = (unit: string) =>
          Number(
            on(node, `systemctl show --property=ActiveEnterTimestampMonotonic --value ${unit}`)
              .stdout,
          );
        assert.ok(started("kubelet") > started("groundwork-firewall"), node);
        assert.ok(started("groundwork-firewall") > 0, node);
      }
    }, 120);
    await assertIsTheFile();
    assertClosed();
    on("worker-02", "systemctl start nftables && systemctl restart nftables");
    assert.equal(rules("worker-02"), "same");
    on("worker-02", "systemctl stop nftables");
    assert.equal(rules("worker-02"), "absent");
    on("worker-02", "systemctl start groundwork-firewall");
    assertClosed();
  });

  it("cuts off nodes that go when they are gone, and restarts nothing for it", async () => {
    const gone = ["master-02", "worker-02"];
    const before = processes();
    const restore = editCluster((file) => {
      const list = file.get("nodes") as { items: { get: (key: string) => string }[] };
      list.items = list.items.filter((node) => !gone.includes(node.get("name")));
    });
    const ran = converge();
    assert.ok(ran.includes("worker-01-firewall"), ran.join());
    assert.deepEqual(letIn("worker-01"), [ip["master-01"], ip["worker-01"], ip["store-01"]].sort());
    assert.deepEqual(letIn("master-01", "masters"), [ip["master-01"]]);
    assert.deepEqual(letIn("store-01", "leaving"), [""]);
    assert.deepEqual(processes(), before);
    for (const node of gone) {
      assert.deepEqual(answerNode(node, ends(["master-01", "worker-01", "store-01"])), []);
      assert.equal(leftovers(node), "");
    }
    await assertIsTheFile();
    restore();
  });

  it("lets in nodes that come, before they are needed", async () => {
    const before = processes();
    converge();
    assert.deepEqual(letIn("store-01"), Object.values(ip).sort());
    assert.deepEqual(processes(), before);
    await assertIsTheFile();
    assertClosed();
  });

  it("closes the API to all but clients, where the file names some", async () => {
    must("ip address add 10.77.0.9/24 dev groundwork0");
    const asClient = (address: string) =>
      run(
        `curl -s -k -o /dev/null --noproxy '*' --max-time 2 --interface ${address} https://${ip["master-01"]}:6443/`,
      ).status;
    assert.equal(asClient("10.77.0.9"), 0);
    setFirewall({ enabled: true, clients: ["10.77.0.1/32"] });
    settle();
    assert.equal(asClient("10.77.0.1"), 0);
    assert.equal(asClient("10.77.0.9"), 28);
    await assertIsTheFile();
  });

  it("is off by a word", async () => {
    setFirewall({ enabled: false });
    const before = processes();
    settle();
    const all = ends(nodes);
    assert.deepEqual(answerStranger(all), all);
    for (const node of nodes) {
      const left = on(
        node,
        "nft list tables; ls /etc/groundwork /usr/local/lib/groundwork /etc/systemd/system",
      ).stdout;
      assert.doesNotMatch(left, /table inet groundwork|firewall/);
    }
    assert.deepEqual(processes(), before);
    await assertIsTheFile();
  });

  it("closes nothing before who is connected is known or trusted", async () => {
    const end = `${ip["worker-01"]}/${kubelet}`;
    on("worker-01", "true");
    must(`( exec 3<>/dev/tcp/${end}; sleep 120 ) >/dev/null 2>&1 & echo $! >.lab/connected`);
    try {
      setFirewall({ enabled: true });
      const refused = up();
      assert.notEqual(refused.status, 0);
      assert.match(
        refused.output,
        /firewall failed on worker-01 [^]*addresses that are no node's have connections [^]*: 10\.77\.0\.1/,
      );
      assert.equal(rules("worker-01"), "absent");
      setFirewall({ enabled: true, trusted: ["10.77.0.1/32"] });
      assert.ok(stepsOf(up()).includes("worker-01-firewall"));
      settle();
      const all = ends(["master-01", "worker-01"]);
      assert.deepEqual(answerStranger(all), all);
    } finally {
      run("kill $(cat .lab/connected)");
    }
    setFirewall({ enabled: true });
    settle();
    assertClosed();
    await assertIsTheFile();
  });

  it("leaves with the cluster", () => {
    const destroyed = run("pulumi destroy --yes --skip-preview --non-interactive --parallel 32", {
      seconds: 600,
    });
    assert.equal(destroyed.status, 0, destroyed.output);
    for (const node of nodes) assert.equal(leftovers(node), "");
  });
});
