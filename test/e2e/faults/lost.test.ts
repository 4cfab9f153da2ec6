import assert from "node:assert/strict";
import { assertIsTheFile, members } from "../expected";
import { converge, editCluster, eventually, must, on, setNode, up, without } from "../lab";

/** On the lab of `clusters/kubernetes.yaml`: three masters and two workers. */
describe("machines that are lost", function () {
  this.timeout(600_000);
  it("refuses to forget a master that lives", async () => {
    const restore = setNode("master-03", "lost", true);
    const { status, output } = up();
    restore();
    assert.notEqual(status, 0);
    assert.match(output, /the etcd member of master-03 \(10\.77\.0\.13\) answers/);
    assert.match(output, /it is not lost: to remove a machine that lives, delete its entry/);
    converge();
    await assertIsTheFile();
  });

  it("forgets the first master without dialling it, then drops its entry", async () => {
    must("lab/node kill master-01");
    setNode("master-01", "lost", true);
    const ran = converge();
    await assertIsTheFile();
    const ofOthers = /^(worker-0[12]-(kubelet|admit)|master-01-forget|upgrade)$/;
    assert.deepEqual(
      ran.filter((name) => !ofOthers.test(name)),
      [],
    );
    const restore = without("master-01");
    converge();
    await assertIsTheFile();
    restore();
  });

  it("lets it come back as it was, with what it had put aside", async () => {
    must("lab/node start master-01");
    setNode("master-01", "lost");
    const ran = converge();
    await assertIsTheFile();
    assert.deepEqual(members("master-02"), ["master-01", "master-02", "master-03"]);
    assert.ok(!ran.includes("etcd-genesis"), "the cluster was born again");
  });

  it("frees a lost worker's pods at once, and takes a new machine of its name", async () => {
    must("kubectl create deployment lost --image=registry.k8s.io/pause:3.10.1 --replicas=4");
    try {
      must("kubectl wait --for=condition=Available deployment/lost --timeout=120s");
      must("lab/node kill worker-02");
      setNode("worker-02", "lost", true);
      converge();
      await assertIsTheFile();
      const where = () =>
        must("kubectl get pods -l app=lost -o jsonpath='{.items[*].spec.nodeName}'").split(" ");
      await eventually(() => assert.deepEqual(where(), Array<string>(4).fill("worker-01")), 90);
    } finally {
      must("kubectl delete deployment lost --ignore-not-found");
    }
    must("lab/node wipe worker-02; lab/node start worker-02");
    must("lab/nodes.sh config test/e2e/clusters/kubernetes.yaml");
    converge();
    await assertIsTheFile();
  });

  for (const name of ["worker-01", "master-02"]) {
    it(`gives pods of ${name} a network again, when it only hung and comes back as it was`, async () => {
      await assertIsTheFile();
      must(`lab/node pause ${name}`);
      const restore = setNode(name, "lost", true);
      converge();
      await assertIsTheFile();
      must(`lab/node resume ${name}`);
      restore();
      converge();
      const network = must(`kubectl get node ${name} -o jsonpath='{.spec.podCIDR}'`);
      const [first = ""] = network.split(".0/");
      const found = on(name, "ip -br -4 address show dev cni0; ls /var/lib/cni/networks/flannel");
      assert.ok(
        found.stdout.includes(`${first}.1/24`),
        `${network} is not that of ${found.stdout}`,
      );
      await assertIsTheFile();
    });
  }

  it("lets the last master begin anew with what it has, once its operator says so", async () => {
    const gone = ["master-01", "master-03"];
    for (const name of gone) must(`lab/node kill ${name}`);
    // What docs/operations.md says of a cluster that lost its quorum.
    const taken = on("master-02", "python3 -IB /usr/local/lib/groundwork/snapshot --now");
    assert.equal(taken.status, 0, taken.output);
    const [, snapshot] = /^saved (\S+): /m.exec(taken.stdout) ?? [];
    for (const name of gone) setNode(name, "lost", true);
    editCluster((file) =>
      file.setIn(
        ["cluster", "etcd", "restore"],
        file.createNode({ epoch: 1, node: "master-02", snapshot }),
      ),
    );
    converge();
    await assertIsTheFile();
    for (const name of gone) must(`lab/node wipe ${name}; lab/node start ${name}`);
    must("lab/nodes.sh config test/e2e/clusters/kubernetes.yaml");
    converge();
    await assertIsTheFile();
  });
});
