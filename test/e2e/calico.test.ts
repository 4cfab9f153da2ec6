import assert from "node:assert/strict";
import { assertPodsReach } from "./dataPlane";
import { leftovers } from "./expected";
import {
  converge,
  destroyCommand,
  editCluster,
  eventually,
  json,
  kubectl,
  must,
  on,
  run,
  settle,
} from "./lab";

const nodes = ["master-01", "worker-01"];
const status = () => run("npm run -s status -- --file .lab/cluster.yaml");
const busybox = "docker.io/library/busybox:1";

interface Object {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** What the stand-in says in its log that runs on a node. */
const runs = () =>
  kubectl("-n kube-system logs --prefix=false --tail=-1 -l k8s-app=calico-node")
    .split("\n")
    .filter((line) => line.startsWith("a stand-in for Calico"));

/**
 * Calico as a cluster's network plugin, by the lab's stand-in for its manifest (lab/artifacts/calico): how it comes, changes and goes,
 * but nothing that Calico itself does; of NetworkPolicy nothing is shown. The tests are for the machines of a master and a worker,
 * with nothing on them.
 */
describe("Calico as the cluster's network plugin, by a stand-in", function () {
  this.timeout(900_000);

  before(() => {
    must("pulumi stack select dev --create");
    editCluster((file) => {
      file.setIn(["cluster", "networking", "plugin"], "calico");
      file.setIn(["cluster", "networking", "calico"], {
        images: { cni: busybox, node: busybox, kube_controllers: busybox },
      });
      file.setIn(["cluster", "versions", "calico"], "3.32.0");
    });
  });

  it("is there when an up ends: nodes are Ready, pods reach each other and Services", async () => {
    assert.ok(converge().includes("network-plugin"));
    const { items } = json<{
      items: { status: { conditions: { type: string; status: string }[] } }[];
    }>("kubectl get nodes -o json");
    assert.deepEqual(
      items.map(
        ({ status }) => status.conditions.find(({ type }) => type === "Ready")?.status ?? "",
      ),
      ["True", "True"],
    );
    await assertPodsReach("master-01", nodes);
    assert.deepEqual(runs(), Array(2).fill("a stand-in for Calico v3.32.0"));
  });

  it("has what is the cluster's own in it", () => {
    const felix = json<Object>("kubectl get felixconfigurations default -o json");
    assert.deepEqual(felix.spec, { wireguardEnabled: false });
    const { data } = json<{ data: object }>(
      "kubectl -n kube-system get configmap kubernetes-services-endpoint -o json",
    );
    assert.deepEqual(data, {
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: "6443",
    });
    for (const node of nodes)
      assert.equal(on(node, "ls /etc/cni/net.d").stdout, "10-calico.conflist\n", node);
  });

  it("is well in the eyes of the status, and an up leaves it alone", async () => {
    await eventually(() => {
      const { status: ended, stdout } = status();
      assert.equal(ended, 0, stdout);
    }, 60);
    assert.deepEqual(settle(), []);
  });

  it("is no other one, as long as the cluster lives", () => {
    const back = editCluster((file) => {
      file.setIn(["cluster", "networking", "plugin"], "flannel");
      file.deleteIn(["cluster", "networking", "calico"]);
    });
    const { status: ended, output } = run("pulumi preview --non-interactive");
    back();
    assert.notEqual(ended, 0, output);
    assert.match(output, /flannel is not what the cluster has, calico: .*Nothing was changed/);
  });

  it("becomes another version in its place, and the up ends when all nodes have it", async () => {
    const of = (kind: string, name: string) =>
      json<Object>(`kubectl -n kube-system get ${kind} ${name} -o json`).metadata.uid;
    const before = of("daemonset", "calico-node");
    editCluster((file) => file.setIn(["cluster", "versions", "calico"], "3.32.1"));
    assert.deepEqual(settle().sort(), ["master-01-prepare", "network-plugin"]);
    assert.equal(of("daemonset", "calico-node"), before);
    assert.deepEqual(runs(), Array(2).fill("a stand-in for Calico v3.32.1"));
    assert.match(
      on("master-01", "journalctl -t groundwork -o cat").stdout,
      /applied DaemonSet calico-node$/m,
    );
    await assertPodsReach("master-01", nodes);
  });

  it("is missed by the status where it does not come up", async () => {
    kubectl("-n kube-system delete daemonset calico-node");
    on("worker-01", "rm /etc/cni/net.d/10-calico.conflist; systemctl restart containerd kubelet");
    await eventually(() => {
      const { status: ended, stdout } = status();
      assert.equal(ended, 1, stdout);
      assert.match(stdout, /Calico is not in the cluster, and worker-01 wait for it/);
    }, 90);
  });

  it("goes with the cluster, with all that it left on machines", () => {
    const result = run(destroyCommand, { seconds: 280 });
    assert.equal(result.status, 0, result.output);
    for (const node of nodes) {
      assert.equal(leftovers(node), "", node);
      const left =
        "ls -dA /opt/cni /var/lib/calico /var/log/calico /run/calico; ip route show table all proto 80; ip -br link | grep cali; nft list tables | grep calico";
      assert.equal(on(node, `{ ${left}; } 2>/dev/null`).stdout, "", node);
    }
  });
});
