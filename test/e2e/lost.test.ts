import assert from "node:assert/strict";
import type { YAMLMap } from "yaml";
import { editCluster, eventually, must, on, preview, up } from "./lab";

const etcdctl =
  "etcdctl --cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/server.crt --key=/etc/etcd/pki/server.key";
const members = (via: string) =>
  on(via, `${etcdctl} member list -w json | jq -r '.members[] | select(.isLearner | not) | .name'`)
    .stdout.trim()
    .split("\n")
    .sort();
const nodes = () => must("kubectl get nodes -o name").trim().split("\n").sort();

/** Edits one node's entry. */
const entry = (name: string, edit: (node: YAMLMap, all: { items: YAMLMap[] }) => void) =>
  editCluster((file) => {
    const all = file.get("nodes") as { items: YAMLMap[] };
    const node = all.items.find((node) => node.get("name") === name);
    assert.ok(node, `${name} is not in the file`);
    edit(node, all);
  });
const lose = (name: string) => entry(name, (node) => node.set("lost", true));
const find = (name: string) => entry(name, (node) => node.delete("lost"));
const remove = (name: string) =>
  entry(name, (node, all) => (all.items = all.items.filter((other) => other !== node)));

/** `up` that must succeed, and after which a preview shows nothing. Answers which steps ran. */
function converge(): string[] {
  const result = up();
  assert.equal(result.status, 0, result.output);
  must('pulumi stack output --show-secrets kubeconfig >"$KUBECONFIG"');
  const after = preview("--expect-no-changes");
  assert.equal(after.status, 0, after.output);
  return [
    ...result.stdout.matchAll(/command:remote:Command (\S+) (?:created|updated|deleted)/g),
  ].map(([, name]) => name ?? "");
}

/** On the lab of `clusters/kubernetes.yaml`: three masters and two workers. */
describe("machines that are lost", function () {
  this.timeout(600_000);
  const everyone = ["master-01", "master-02", "master-03", "worker-01", "worker-02"];
  const asNodes = (names: readonly string[]) => names.map((name) => `node/${name}`);

  it("refuses to forget a master that lives", () => {
    const restore = lose("master-03");
    const { status, output } = up();
    restore();
    assert.notEqual(status, 0);
    assert.match(output, /the etcd member of master-03 \(10\.77\.0\.13\) answers/);
    assert.match(output, /it is not lost: to remove a machine that lives, delete its entry/);
    converge();
    assert.deepEqual(members("master-01"), everyone.slice(0, 3));
  });

  it("forgets the first master without dialling it, then drops its entry", () => {
    must("lab/node kill master-01");
    lose("master-01");
    const ran = converge();
    assert.deepEqual(members("master-02"), ["master-02", "master-03"]);
    assert.deepEqual(nodes(), asNodes(everyone.slice(1)));
    const ofOthers = /^(worker-0[12]-(kubelet|admit)|master-01-forget)$/;
    assert.deepEqual(
      ran.filter((name) => !ofOthers.test(name)),
      [],
    );
    const entry = remove("master-01");
    converge();
    entry();
  });

  it("lets it come back as it was, with what it had put aside", async () => {
    must("lab/node start master-01");
    find("master-01");
    const ran = converge();
    assert.deepEqual(members("master-02"), everyone.slice(0, 3));
    await eventually(() => assert.deepEqual(nodes(), asNodes(everyone)));
    assert.ok(!ran.includes("etcd-genesis"), "the cluster was born again");
  });

  it("frees a lost worker's pods at once, and takes a new machine of its name", async () => {
    must("kubectl create deployment lost --image=registry.k8s.io/pause:3.10.1 --replicas=4");
    try {
      must("kubectl wait --for=condition=Available deployment/lost --timeout=120s");
      must("lab/node kill worker-02");
      lose("worker-02");
      converge();
      assert.deepEqual(nodes(), asNodes(everyone.slice(0, 4)));
      const where = () =>
        must("kubectl get pods -l app=lost -o jsonpath='{.items[*].spec.nodeName}'").split(" ");
      await eventually(() => assert.deepEqual(where(), Array<string>(4).fill("worker-01")), 90);
    } finally {
      must("kubectl delete deployment lost --ignore-not-found");
    }
    must("lab/node wipe worker-02; lab/node start worker-02");
    must("lab/nodes.sh config test/e2e/clusters/kubernetes.yaml");
    converge();
    await eventually(() => assert.deepEqual(nodes(), asNodes(everyone)));
  });
});
