import assert from "node:assert/strict";
import { assertPodsReach } from "./dataPlane";
import { leftovers } from "./expected";
import {
  destroyCommand,
  editCluster,
  eventually,
  json,
  kubectl,
  must,
  on,
  preview,
  run,
  settle,
  up,
} from "./lab";

const nodes = ["master-01", "worker-01"];

interface Node {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly podCIDR: string };
  readonly status: {
    readonly addresses: readonly { readonly type: string; readonly address: string }[];
    readonly conditions: readonly {
      readonly type: string;
      readonly status: string;
      readonly message: string;
    }[];
  };
}

const known = () => json<{ items: Node[] }>("kubectl get nodes -o json").items;
const readyOf = ({ status }: Node) => status.conditions.find(({ type }) => type === "Ready");

const status = () => run("npm run -s status -- --file .lab/cluster.yaml");

/** When the services of a node started. */
const started = (node: string) =>
  on(node, "systemctl show -P ExecMainStartTimestampMonotonic kubelet kube-proxy containerd")
    .stdout;

/**
 * A network plugin as an operator installs one: pods of its own on the machines' network, which put a program and a
 * configuration there, and make routes.
 */
function toy(all: readonly Node[]): string {
  const of = all.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    network: spec.podCIDR,
    ip: status.addresses.find(({ type }) => type === "InternalIP")?.address ?? "",
  }));
  const cases = of.map(({ name, network }) => {
    const routes = of
      .filter((other) => other.name !== name)
      .map((other) => `ip route replace ${other.network} via ${other.ip}`);
    return `${name}) network=${network}; ${routes.join("; ")} ;;`;
  });
  const script = `set -e
case $NODE in
${cases.join("\n")}
esac
printf '#!/bin/sh\\nexec /opt/cni/bin/bridge\\n' >/host/opt/cni/bin/toy
chmod 755 /host/opt/cni/bin/toy
cat >/host/etc/cni/net.d/.toy <<END
{ "cniVersion": "1.0.0", "name": "toy", "plugins": [
  { "type": "toy", "bridge": "cni0", "isDefaultGateway": true, "hairpinMode": true,
    "ipam": { "type": "host-local", "ranges": [[{ "subnet": "$network" }]] } },
  { "type": "portmap", "capabilities": { "portMappings": true } } ] }
END
mv /host/etc/cni/net.d/.toy /host/etc/cni/net.d/10-toy.conflist
exec sleep 1000000`;
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "toy", namespace: "kube-system" },
    spec: {
      selector: { matchLabels: { app: "toy" } },
      template: {
        metadata: { labels: { app: "toy" } },
        spec: {
          hostNetwork: true,
          terminationGracePeriodSeconds: 0,
          tolerations: [{ operator: "Exists" }],
          containers: [
            {
              name: "toy",
              image: "docker.io/library/busybox:1",
              command: ["sh", "-c", script],
              securityContext: { privileged: true },
              env: [{ name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
              volumeMounts: [
                { name: "programs", mountPath: "/host/opt/cni/bin" },
                { name: "configuration", mountPath: "/host/etc/cni/net.d" },
              ],
            },
          ],
          volumes: [
            { name: "programs", hostPath: { path: "/opt/cni/bin" } },
            { name: "configuration", hostPath: { path: "/etc/cni/net.d" } },
          ],
        },
      },
    },
  });
}

/** The tests are for the machines of a master and a worker, with nothing on them. */
describe("a network plugin of the operator's", function () {
  this.timeout(900_000);

  before(() => {
    must("pulumi stack select dev --create");
    editCluster((file) => {
      file.setIn(["cluster", "networking", "plugin"], "none");
      file.setIn(["cluster", "kubernetes", "kube_proxy"], { mode: "off" });
    });
  });

  it("is not waited for, nor what leads to Services in kube-proxy's place: nodes lack nothing else", () => {
    const result = up();
    assert.equal(result.status, 0, result.output);
    must('pulumi stack output --show-secrets kubeconfig >"$KUBECONFIG"');
    const all = known();
    assert.deepEqual(all.map(({ metadata }) => metadata.name).sort(), nodes);
    for (const node of all) {
      assert.equal(readyOf(node)?.status, "False");
      assert.match(readyOf(node)?.message ?? "", /^container runtime network not ready: Network/);
    }
    for (const node of nodes) {
      assert.notEqual(on(node, "systemctl cat flanneld.service").status, 0);
      assert.equal(on(node, "ls /etc/cni/net.d").stdout, "");
      assert.equal(on(node, "test -x /opt/cni/bin/loopback -a -x /opt/cni/bin/bridge").status, 0);
    }
    const after = preview("--expect-no-changes");
    assert.equal(after.status, 0, after.output);
  });

  it("is what the status says is missing", () => {
    const { status: ended, stdout } = status();
    assert.equal(ended, 1, stdout);
    assert.match(stdout, /there is no network plugin yet on master-01 and worker-01/);
    assert.doesNotMatch(stdout, /is not Ready for|has no unit/);
  });

  it("is no other one, as long as the cluster lives", () => {
    const back = editCluster((file) => file.setIn(["cluster", "networking", "plugin"], "flannel"));
    const { status: ended, output } = up();
    back();
    assert.notEqual(ended, 0, output);
    assert.match(output, /flannel is not what the cluster has, none: .*Nothing was changed/);
  });

  it("is not waited for by a change either: kube-proxy comes", () => {
    editCluster((file) => file.deleteIn(["cluster", "kubernetes", "kube_proxy"]));
    settle();
    for (const node of nodes)
      assert.equal(on(node, "systemctl is-active kube-proxy").stdout, "active\n", node);
  });

  it("makes nodes Ready, and pods reach each other and Services", async () => {
    const before = nodes.map(started);
    kubectl("apply -f -", toy(known()));
    await eventually(() => {
      for (const node of known()) assert.equal(readyOf(node)?.status, "True", node.metadata.name);
    }, 120);
    await assertPodsReach("master-01", nodes);
    kubectl("-n kube-system rollout status deployment/coredns --timeout=120s");
    assert.deepEqual(nodes.map(started), before);
  });

  it("is left alone by an up, and the status has nothing to say", async () => {
    const before = nodes.map(started);
    assert.deepEqual(settle(), []);
    editCluster((file) =>
      file.setIn(["cluster", "kubernetes", "kubelet", "config"], { maxPods: 100 }),
    );
    const ran = settle();
    for (const node of nodes) assert.ok(ran.includes(`${node}-kubelet`), ran.join(" "));
    for (const [i, node] of nodes.entries()) assert.notEqual(started(node), before[i], node);
    assert.equal(on("worker-01", "ls /etc/cni/net.d").stdout, "10-toy.conflist\n");
    await assertPodsReach("master-01", nodes);
    await eventually(() => {
      const { status: ended, stdout } = status();
      assert.equal(ended, 0, stdout);
    }, 60);
  });

  it("goes with the cluster, and so do the routes that it made", () => {
    const routes = "ip route show table all root 10.244.0.0/16 | grep -v ' dev cni0 '";
    for (const node of nodes) assert.notEqual(on(node, routes).stdout, "", node);
    const result = run(destroyCommand, { seconds: 280 });
    assert.equal(result.status, 0, result.output);
    for (const node of nodes) assert.equal(on(node, routes).stdout, "", node);
    const examined = run("npm run -s preflight -- --file .lab/cluster.yaml");
    assert.equal(examined.status, 0, examined.output);
    for (const node of nodes) {
      assert.equal(leftovers(node), "", node);
      assert.equal(on(node, "ls -A /opt/cni 2>/dev/null").stdout, "", node);
    }
  });
});
