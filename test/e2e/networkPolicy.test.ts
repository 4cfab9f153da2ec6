import assert from "node:assert/strict";
import { assertPodsReach } from "./dataPlane";
import { leftovers } from "./expected";
import {
  converge,
  destroyCommand,
  editCluster,
  eventually,
  kubectl,
  must,
  on,
  run,
  settle,
} from "./lab";

const [master, worker] = ["master-01", "worker-01"] as const;
const agent = "-n kube-system -l app=kube-network-policies";

/** A pod of a namespace on a node, there whatever the node's taints say. */
const pod = (namespace: string, name: string, node: string, app: string, command: string) => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${namespace}, labels: { app: ${app} } }
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 0
  tolerations: [{ operator: Exists }]
  containers: [{ name: pod, image: "docker.io/library/busybox:1", command: [sh, -c, "${command}"] }]
---`;

const sleeps = "exec sleep 1000000";
const pods = [
  pod(
    "walled",
    "server",
    worker,
    "server",
    "mkdir /tmp/www; echo served >/tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www",
  ),
  pod("walled", "friend", worker, "friend", sleeps),
  pod("walled", "stranger", worker, "stranger", sleeps),
  pod("default", "friend", master, "friend", sleeps),
  pod("default", "stranger", master, "stranger", sleeps),
].join("\n");

const allowed = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: friends, namespace: walled }
spec:
  podSelector: { matchLabels: { app: server } }
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector: { matchLabels: { app: friend } }
        - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: default } }
          podSelector: { matchLabels: { app: friend } }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: clients, namespace: walled }
spec:
  podSelector: { matchExpressions: [{ key: app, operator: In, values: [friend, stranger] }] }
  policyTypes: [Egress]
  egress:
    - to: [{ podSelector: { matchLabels: { app: server } } }]
    - to: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } } }]
      ports: [{ protocol: UDP, port: 53 }, { protocol: TCP, port: 53 }]
`;

const service = `
apiVersion: v1
kind: Service
metadata: { name: server, namespace: walled }
spec: { selector: { app: server }, ports: [{ port: 80, targetPort: 8080 }] }
---
`;

/** What a pod is told by the server, at its address or its name: `served`, or `nothing`. */
const asks = (namespace: string, name: string, at = address()) =>
  run(
    `kubectl -n ${namespace} exec ${name} -- sh -c 'timeout 8 wget -q -O- http://${at}/ 2>/dev/null || echo nothing'`,
  ).stdout.trim();
const address = () => `${kubectl("-n walled get pod server -o jsonpath={.status.podIP}")}:8080`;
const byName = "server.walled.svc.cluster.local";

const reaches = (namespace: string, name: string, at?: string) =>
  eventually(() => assert.equal(asks(namespace, name, at), "served", `${namespace}/${name}`), 90);
const reachesNot = (namespace: string, name: string, at?: string) =>
  eventually(() => assert.equal(asks(namespace, name, at), "nothing", `${namespace}/${name}`), 90);

async function assertHolds(): Promise<void> {
  await reaches("walled", "friend");
  await reaches("walled", "friend", byName);
  await reaches("default", "friend");
  await reachesNot("walled", "stranger");
  await reachesNot("default", "stranger");
}

/** What the status says of policies. */
const told = () =>
  /NetworkPolicy is not enforced on (.*?): /.exec(
    run("npm run -s status -- --file .lab/cluster.yaml").stdout.replaceAll(/\s+/g, " "),
  )?.[1];

const tables = (node: string) => on(node, "nft list tables | grep kube-network-policies").stdout;

/**
 * On the machines of `clusters/policies.yaml` with nothing on them: all that is denied is denied on the virtual one, the other's
 * kernel being what it is.
 */
describe("NetworkPolicy beside flannel", function () {
  this.timeout(1_200_000);
  let lacks = false;

  before(() => {
    must("pulumi stack select dev --create");
    const rule = "add rule inet g c queue num 98 bypass";
    lacks = on(master, `nft --check 'add table inet g; add chain inet g c; ${rule}'`).status !== 0;
  });

  it("is told before anything is done where a kernel lacks what it needs", () => {
    const back = editCluster((file) => {
      file.setIn(["cluster", "preflight", "allow"], ["cgroup-v1"]);
    });
    const { output } = run("npm run -s preflight -- --file .lab/cluster.yaml");
    back();
    assert.equal(
      /lacks nft_queue: NetworkPolicy would not be enforced/.test(output),
      lacks,
      output,
    );
    assert.doesNotMatch(output, /worker-01.*lacks/);
  });

  it("comes with the cluster, whose pods reach each other and Services", async () => {
    converge();
    kubectl("-n kube-system rollout status daemonset/kube-network-policies --timeout=240s");
    await assertPodsReach(master, [master, worker]);
    await eventually(() => assert.equal(told(), lacks ? master : undefined), 90);
    assert.deepEqual(settle(), []);
  });

  it("denies all in a namespace that the file names, and lets through what others allow there", async () => {
    kubectl("apply -f -", service + pods);
    kubectl("wait --for=condition=Ready pod --all -n walled --timeout=240s");
    kubectl("wait --for=condition=Ready pod/friend pod/stranger --timeout=120s");
    for (const [namespace, name] of [
      ["walled", "friend"],
      ["walled", "stranger"],
      ["default", "friend"],
    ] as const)
      await reachesNot(namespace, name);
    await reachesNot("walled", "friend", byName);
    kubectl("apply -f -", allowed);
    await assertHolds();
  });

  it("cuts no connection when its program is restarted, and lets packets pass while it does not run", async () => {
    const exec = (name: string, command: string) =>
      must(`kubectl -n walled exec ${name} -- sh -c '${command}'`);
    // A connection that goes on for ever.
    exec("server", "(while :; do date +%s; sleep 1; done | nc -l -p 9000) >/dev/null 2>&1 &");
    const [host] = address().split(":");
    await eventually(() => {
      exec(
        "friend",
        `(sleep 1000000 | nc ${host} 9000 >/tmp/ticks 2>&1; echo cut >>/tmp/ticks) >/dev/null 2>&1 & sleep 3; ! grep cut /tmp/ticks`,
      );
    }, 60);
    const last = () => exec("friend", "tail -n 1 /tmp/ticks; date +%s").trim().split("\n");
    const assertTicks = () =>
      eventually(() => {
        const [tick, now] = last();
        assert.ok(Number(now) - Number(tick) < 5, `${tick} ${now}`);
      }, 60);
    await assertTicks();
    kubectl(`delete pod ${agent} --field-selector spec.nodeName=${worker}`);
    kubectl("-n kube-system rollout status daemonset/kube-network-policies --timeout=240s");
    await assertHolds();
    await assertTicks();

    const set = (labels: object) =>
      kubectl(
        `-n kube-system patch daemonset kube-network-policies --type merge -p '${JSON.stringify({ spec: { template: { spec: { nodeSelector: labels } } } })}'`,
      );
    set({ nowhere: "" });
    kubectl(`wait --for=delete pod ${agent} --timeout=120s`);
    await reaches("walled", "stranger");
    await reaches("default", "stranger");
    await eventually(() => assert.ok(told()?.includes(worker), told()), 60);
    await assertTicks();
    set({ nowhere: null });
    kubectl("-n kube-system rollout status daemonset/kube-network-policies --timeout=240s");
    await assertHolds();
    await assertTicks();
  });

  it("holds after a reboot of the machine", async () => {
    const boot = "cat /proc/sys/kernel/random/boot_id";
    const before = on(worker, boot).stdout;
    on(worker, "systemctl reboot");
    await eventually(() => {
      const { status, stdout } = on(worker, boot);
      assert.ok(status === 0 && stdout !== before);
    }, 300);
    kubectl("wait --for=condition=Ready pod --all -n walled --timeout=300s");
    await eventually(() => assert.match(tables(worker), /kube-network-policies/), 240);
    await assertHolds();
  });

  it("leaves a namespace that is taken off the list, with all that is in it", async () => {
    editCluster((file) => {
      file.setIn(["cluster", "networking", "flannel", "network_policy", "default_deny"], []);
    });
    assert.deepEqual(settle(), []);
    assert.equal(
      kubectl("-n walled get networkpolicies -o name"),
      "networkpolicy.networking.k8s.io/clients\nnetworkpolicy.networking.k8s.io/friends\n",
    );
    kubectl("-n walled delete networkpolicy --all");
    await reaches("walled", "stranger");
    await reaches("default", "stranger");
  });

  it("goes with the cluster, with its table on machines", () => {
    const { status, output } = run(destroyCommand, { seconds: 600 });
    assert.equal(status, 0, output);
    for (const node of [master, worker]) {
      assert.equal(leftovers(node), "", node);
      assert.equal(tables(node), "", node);
    }
  });
});
