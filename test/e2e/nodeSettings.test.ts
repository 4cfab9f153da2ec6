import assert from "node:assert/strict";
import { assertPodsReach } from "./dataPlane";
import { converge, editCluster, eventually, json, must, on, preview, settle } from "./lab";

interface KubeNode {
  readonly metadata: { readonly labels: Record<string, string> };
  readonly spec: {
    readonly podCIDR: string;
    readonly taints?: readonly { readonly key: string }[];
  };
  readonly status: {
    readonly capacity: Record<string, string>;
    readonly allocatable: Record<string, string>;
  };
}

const nodes = ["master-01", "worker-01"];
const nodeOf = (name: string) => json<KubeNode>(`kubectl get node ${name} -o json`);
const kubeletOf = (name: string) =>
  json<{ kubeletconfig: Record<string, unknown> }>(
    `kubectl get --raw /api/v1/nodes/${name}/proxy/configz`,
  ).kubeletconfig;
const group = (config: object) =>
  editCluster((file) => {
    file.setIn(["groups", "small"], {
      labels: { size: "small", "node-role.kubernetes.io/ingress": "" },
      taints: [{ key: "node-role.kubernetes.io/ingress", effect: "PreferNoSchedule" }],
      kubelet: { config },
    });
    file.setIn(["nodes", 1, "group"], "small");
  });

/** Steps that a preview says would change. */
const changes = () =>
  [...preview().stdout.matchAll(/command:remote:Command\s+(\S+)\s+update/g)].map(
    ([, name]) => name,
  );

/** What a service's process may do: its user, its capabilities, and what it sees of a folder. */
function confinement(node: string, unit: string, folder: string) {
  const { stdout, output } = on(
    node,
    `pid=$(systemctl show --property=MainPID --value ${unit})
    awk '$1 == "Uid:" { print $2 == 0 ? "root" : "other" } $1 == "CapEff:" { print $2 }' /proc/$pid/status
    nsenter --target $pid --mount -- ls ${folder} 2>&1 | xargs`,
  );
  const [user, capabilities, seen] = stdout.trim().split("\n");
  assert.ok(seen !== undefined, output);
  return { user, capabilities: parseInt(capabilities ?? "", 16), seen };
}

/** On the machines of pair.yaml. */
describe("settings of nodes and groups", function () {
  this.timeout(300_000);

  before(() => {
    editCluster((file) => file.setIn(["cluster", "networking", "node_cidr_mask_size"], 25));
    // The lab's drop-in says maxPods and evictionHard.
    group({ podPidsLimit: 900, evictionMinimumReclaim: { "memory.available": "1Mi" } });
    converge();
  });

  it("are in force on the group's nodes alone", () => {
    const [master, worker] = nodes.map(kubeletOf);
    assert.deepEqual([master?.podPidsLimit, worker?.podPidsLimit], [4096, 900]);
    assert.deepEqual(worker?.evictionMinimumReclaim, { "memory.available": "1Mi" });
    assert.equal(master?.evictionMinimumReclaim, undefined);
    const { metadata, spec } = nodeOf("worker-01");
    assert.equal(metadata.labels.size, "small");
    assert.equal(metadata.labels["node-role.kubernetes.io/ingress"], "");
    assert.deepEqual(
      spec.taints?.map(({ key }) => key),
      ["node-role.kubernetes.io/ingress"],
    );
    assert.equal(nodeOf("master-01").metadata.labels.size, undefined);
  });

  it("give a node a network of the size that the file says, on which pods reach each other", async () => {
    const given = nodes.map((name) => nodeOf(name).spec.podCIDR);
    assert.equal(new Set(given).size, 2);
    for (const network of given) assert.match(network, /\.(0|128)\/25$/);
    await assertPodsReach("master-01", nodes);
  });

  it("keep room for what is no pod, by the machine's size", () => {
    const mebi = (text = "") => Math.floor(Number(text.replace("Ki", "")) / 1024);
    const milli = (text = "") => (text.endsWith("m") ? parseInt(text) : Number(text) * 1000);
    for (const name of nodes) {
      const { capacity, allocatable } = nodeOf(name).status;
      const { kubeReserved, systemReserved, evictionHard } = kubeletOf(name) as Record<
        string,
        Record<string, string>
      >;
      const reserved = (what: string) =>
        parseInt(kubeReserved?.[what] ?? "") + parseInt(systemReserved?.[what] ?? "");
      assert.ok(reserved("memory") > 500 && reserved("cpu") > 100, name);
      const kept = milli(capacity.cpu) - milli(allocatable.cpu);
      assert.equal(kept, reserved("cpu"), name);
      const memory = mebi(capacity.memory) - mebi(allocatable.memory);
      const threshold = parseInt(evictionHard?.["memory.available"] ?? "");
      assert.ok(Math.abs(memory - reserved("memory") - threshold) <= 1, `${name} keeps ${memory}`);
    }
    const system = (name: string) =>
      (kubeletOf(name).systemReserved as Record<string, string>).memory;
    assert.deepEqual(nodes.map(system), ["1124Mi", "100Mi"]);
  });

  it("leave flanneld and the proxy to the API nothing but what they are for", () => {
    for (const node of nodes) {
      const flanneld = confinement(node, "flanneld", "/ /etc /etc/kubernetes/pki /var/lib /root");
      assert.equal(flanneld.user, "other", node);
      // CAP_DAC_READ_SEARCH, CAP_NET_ADMIN and CAP_NET_RAW.
      assert.equal(flanneld.capabilities, (1 << 2) | (1 << 12) | (1 << 13), node);
      assert.match(flanneld.seen, /\/etc\/kubernetes\/pki: ca\.crt( |$)/, node);
      assert.doesNotMatch(flanneld.seen, /shadow|ssh|\.key|cluster-state|containerd/, node);
    }
    const proxy = confinement("worker-01", "kube-api-proxy", "/home /root");
    assert.deepEqual(proxy, { user: "other", capabilities: 0, seen: "/home: /root:" });
  });

  it("have the proxy pass requests to nobody but a master by its own name", () => {
    const asks = (name: string) =>
      on(
        "worker-01",
        `sed 's/127.0.0.1:6443/127.0.0.1:16443/; s/verifyhost .*/verifyhost ${name}/' /etc/kubernetes/haproxy.cfg >/run/other.cfg
        haproxy -db -f /run/other.cfg >/dev/null 2>&1 & sleep 4
        curl -s -m 5 -o /dev/null -w '%{http_code}' --cacert /etc/kubernetes/pki/ca.crt https://127.0.0.1:16443/readyz; kill %1; rm /run/other.cfg`,
      ).stdout.trim();
    assert.equal(asks("master-01"), "200");
    assert.equal(asks("worker-01"), "000");
  });

  it("that change are a change of their nodes alone", async () => {
    group({ podPidsLimit: 800 });
    assert.deepEqual(changes(), ["worker-01-kubelet"]);
    const [pid, proxy] = ["kubelet", "kube-proxy"].map(
      (unit) => `systemctl show -P MainPID ${unit}`,
    );
    const before = [on("master-01", `${pid}`).stdout, on("worker-01", `${proxy}`).stdout];
    assert.deepEqual(settle(), ["worker-01-kubelet"]);
    assert.deepEqual(
      [on("master-01", `${pid}`).stdout, on("worker-01", `${proxy}`).stdout],
      before,
    );
    assert.equal(kubeletOf("worker-01").podPidsLimit, 800);
    await assertPodsReach("master-01", nodes);
  });

  it("may be put in the place of what is kept by default", async () => {
    const restore = editCluster((file) =>
      file.setIn(["nodes", 0, "kubelet", "config"], {
        kubeReserved: { memory: "300Mi" },
        systemReserved: {},
      }),
    );
    assert.deepEqual(settle(), ["master-01-kubelet"]);
    const { kubeReserved, systemReserved } = kubeletOf("master-01");
    assert.deepEqual([kubeReserved, systemReserved ?? {}], [{ memory: "300Mi" }, {}]);
    await eventually(() => {
      const { capacity, allocatable } = nodeOf("master-01").status;
      assert.equal(allocatable.cpu, capacity.cpu);
    });
    restore();
  });

  after(() => {
    must(
      "pulumi destroy --yes --skip-preview --suppress-progress --non-interactive --parallel 32",
      {
        seconds: 300,
      },
    );
  });
});
