import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { assertIsTheFile } from "./expected";
import { eventually, json, kubectl, must, on, preview, root, run, up } from "./lab";

interface KubeList<T> {
  readonly items: readonly T[];
}
interface KubeNode {
  readonly metadata: { readonly name: string; readonly labels: Record<string, string> };
  readonly spec: { readonly taints?: readonly { readonly key: string }[] };
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
  };
}

const masters = ["master-01", "master-02", "master-03"];
const workers = ["worker-01", "worker-02"];
const nodes = [...masters, ...workers];
const etcdctl =
  "etcdctl --cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/server.crt --key=/etc/etcd/pki/server.key";

/** How often each machine has been logged in to. */
const logins = () =>
  nodes.map((node) =>
    Number(on(node, "journalctl -u ssh --no-pager | grep -c 'Accepted publickey' || true").stdout),
  );

const application = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 4
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      topologySpreadConstraints:
        - { maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor, labelSelector: { matchLabels: { app: web } } }
      containers:
        - name: web
          image: docker.io/library/busybox:1
          command: [sh, -c, 'mkdir /tmp/www && hostname >/tmp/www/index.html && echo serving && exec httpd -f -p 8080 -h /tmp/www']
          readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: client }
spec:
  terminationGracePeriodSeconds: 0
  tolerations: [{ operator: Exists }]
  nodeSelector: { kubernetes.io/hostname: master-02 }
  containers:
    - { name: client, image: docker.io/library/busybox:1, command: [sleep, infinity] }
`;

describe("the lab's cluster", function () {
  this.timeout(600_000);

  it("has five Ready nodes with their roles", () => {
    const { items } = json<KubeList<KubeNode>>("kubectl get nodes -o json");
    assert.deepEqual(items.map(({ metadata }) => metadata.name).sort(), nodes);
    for (const { metadata, spec, status } of items) {
      const isMaster = masters.includes(metadata.name);
      const ready = status.conditions.find(({ type }) => type === "Ready")?.status;
      assert.equal(ready, "True", metadata.name);
      assert.ok(
        `node-role.kubernetes.io/${isMaster ? "control-plane" : "worker"}` in metadata.labels,
        metadata.name,
      );
      const tainted =
        spec.taints?.some(({ key }) => key === "node-role.kubernetes.io/control-plane") ?? false;
      assert.equal(tainted, isMaster, `${metadata.name} has the wrong taints`);
    }
  });

  it("has three healthy voters in etcd", () => {
    const members = on(
      "master-01",
      `${etcdctl} member list -w json | jq -r '.members[] | [.name, .isLearner // false] | @csv'`,
    );
    assert.deepEqual(
      members.stdout.trim().split("\n").sort(),
      masters.map((name) => `"${name}",false`),
    );
    assert.equal(on("master-01", `${etcdctl} endpoint health --cluster`).status, 0);
  });

  it("serves a Deployment, spread over nodes, by its Service's name", async () => {
    kubectl("apply -f -", application);
    kubectl("rollout status deployment/web --timeout=120s");
    kubectl("wait --for=condition=Ready pod/client --timeout=120s");
    const placed = must(
      "kubectl get pods -l app=web -o jsonpath='{.items[*].spec.nodeName}'",
    ).split(" ");
    assert.deepEqual([...new Set(placed)].sort(), workers);
    // Each node's proxy hears of the four one after the other.
    await eventually(() => {
      const answers = must(
        "kubectl exec client -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do timeout 5 wget -q -O- http://web.default.svc.cluster.local; done'",
      );
      const seen = new Set(answers.trim().split("\n"));
      assert.ok(seen.size >= 2, `only ${[...seen].join(", ")} answered`);
    });
  });

  it("answers DNS for the cluster", () => {
    const answer = kubectl("exec client -- nslookup kubernetes.default.svc.cluster.local");
    assert.match(answer, /10\.96\.0\.1/);
  });

  it("gives a person a kubeconfig for a day, with the rights of its group and no others", () => {
    const file = ".lab/alice.kubeconfig";
    must(`rm -f ${file}`);
    const made = must(
      `pulumi stack output --show-secrets kubeconfig | npm run --silent kubeconfig -- --kubeconfig - --user alice --group viewers --days 1 --output ${file}`,
    );
    const until = Date.parse(/until (\S+)\.\n/.exec(made)?.[1] ?? "");
    assert.ok(Math.abs(until - Date.now() - 24 * 3600_000) < 600_000, made);
    const asAlice = (args: string) => run(`kubectl --kubeconfig ${file} ${args}`);
    assert.match(asAlice("auth whoami").stdout, /alice[^]*viewers/);
    assert.match(asAlice("get pods").output, /forbidden/);
    kubectl("create rolebinding viewers --clusterrole view --group viewers");
    assert.equal(asAlice("get pods").status, 0);
    assert.match(asAlice("get nodes").output, /forbidden/);
    assert.equal(must(`stat -c %a ${file}`).trim(), "600");
    must(`rm ${file}`);
  });

  it("shows logs and runs commands, over certificates of the kubelets' authority", () => {
    assert.match(kubectl("logs deployment/web"), /serving/);
    for (const node of nodes) {
      const ip = must(`awk '$1 == "${node}" { print $2 }' .lab/machines`).trim();
      const served = on(
        "master-01",
        `openssl s_client -connect ${ip}:10250 -CAfile /etc/kubernetes/pki/kubelet-serving-ca.crt -verify_return_error </dev/null 2>&1`,
      );
      assert.match(served.stdout, /Verify return code: 0/, `${node}'s kubelet`);
    }
  });

  it("keeps the API within reach of a worker with any one master down", async () => {
    const ask =
      "curl --silent --fail --max-time 3 --cacert /etc/kubernetes/pki/ca.crt https://127.0.0.1:6443/readyz";
    for (const master of masters) {
      must(`lab/node kill ${master}`);
      await eventually(() => assert.equal(on("worker-01", ask).status, 0, `${master} is down`), 20);
      must(`lab/node start ${master}`);
      await eventually(() => {
        const ready = must(`kubectl --context lab-${master} get --raw /readyz`);
        assert.equal(ready, "ok");
      }, 60);
    }
  });

  it("previews no change, and connects to no machine for it", () => {
    const before = logins();
    const result = preview("--expect-no-changes");
    assert.equal(result.status, 0, result.output);
    // Reading the count is itself a login.
    assert.deepEqual(
      logins(),
      before.map((count) => count + 1),
    );
  });

  it("changes nothing on a second up", () => {
    const result = up("--expect-no-changes");
    assert.equal(result.status, 0, result.output);
  });

  it("keeps secrets out of the state and of the machines' process lists", () => {
    const config = must("pulumi stack output --show-secrets kubeconfig");
    const { users } = JSON.parse(config) as { users: { user: Record<string, string> }[] };
    const key = Buffer.from(users[0]?.user["client-key-data"] ?? "", "base64").toString();
    assert.match(key, /PRIVATE KEY/);
    const stateFolder = join(root, ".lab/state/.pulumi/stacks/groundwork");
    for (const file of readdirSync(stateFolder)) {
      assert.doesNotMatch(
        readFileSync(join(stateFolder, file), "utf8"),
        /PRIVATE KEY|"secret":\s*"[A-Za-z0-9+/]{43}=/,
        file,
      );
    }
    for (const node of nodes) {
      assert.doesNotMatch(
        on(node, "ps -eo args").stdout,
        /PRIVATE KEY|[a-z0-9]{6}\.[a-z0-9]{16}/,
        node,
      );
    }
  });

  it("leaves no bootstrap token behind", () => {
    const tokens = must(
      "kubectl -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token -o name",
    );
    assert.equal(tokens, "");
  });

  it("encrypts secrets at rest", () => {
    kubectl("create secret generic probe --from-literal=key=in-the-clear");
    const stored = on(
      "master-01",
      `${etcdctl} get /registry/secrets/default/probe | tr -cd '[:print:]'`,
    );
    assert.match(stored.stdout, /k8s:enc:secretbox/);
    assert.doesNotMatch(stored.stdout, /in-the-clear/);
    kubectl("delete secret probe");
  });

  it("gives files the owners and modes of the CIS benchmark", () => {
    const loose = on(
      "master-01",
      `find /etc/kubernetes/pki -not -user root; find /etc/kubernetes/pki /etc/etcd/pki -name '*.key' -perm /077
       find /etc/kubernetes -maxdepth 1 -name '*.conf' -perm /077
       find /etc/systemd/system -maxdepth 1 -name 'kube*.service' -perm /177
       stat -c '%a %U:%G' /var/lib/etcd`,
    );
    assert.equal(loose.stdout, "700 etcd:etcd\n");
  });

  it("lets anonymous clients ask for health only", () => {
    const ask = (path: string) =>
      on(
        "worker-01",
        `curl --silent --output /dev/null --write-out '%{http_code}' --cacert /etc/kubernetes/pki/ca.crt https://127.0.0.1:6443${path}`,
      ).stdout;
    assert.equal(ask("/readyz"), "200");
    assert.equal(ask("/version"), "401");
    assert.equal(ask("/api/v1/secrets"), "401");
  });

  it("wrote the state files", () => {
    const state = (node: string, file: string) =>
      on(node, `cat /var/lib/cluster-state/${file}`).stdout.trim();
    for (const node of nodes) {
      assert.equal(state(node, "bootstrap-state"), "joined", node);
      assert.match(state(node, "cluster-joined"), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, node);
    }
    assert.equal(state("master-01", "node-role"), "master-first");
    assert.equal(state("master-02", "node-role"), "master-additional");
    assert.equal(state("worker-01", "node-role"), "worker");
    assert.match(state("master-03", "etcd-member-id"), /^[0-9a-f]{8,16}$/);
  });

  it("is the file's, and pods on every node can be used", () => assertIsTheFile());

  after(() => {
    run("kubectl delete deployment/web service/web pod/client --ignore-not-found --wait=false");
  });
});
