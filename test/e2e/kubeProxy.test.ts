import assert from "node:assert/strict";
import { assertPodsReach } from "./dataPlane";
import { editCluster, eventually, on, run, settle } from "./lab";

const nodes = ["master-01", "worker-01"];

const setProxy = (settings: object) =>
  editCluster((file) => file.setIn(["cluster", "kubernetes", "kube_proxy"], settings));

/** What kube-proxy made: a table of nftables, or chains of iptables. */
function rules(node: string) {
  const tables = on(node, "nft list tables").stdout;
  const chains = on(node, "iptables-save 2>/dev/null | grep -c '^:KUBE-SVC-'").stdout.trim();
  return { nftables: /table ip kube-proxy$/m.test(tables), iptables: chains !== "0" };
}

/** The tests are for a cluster of a master and a worker that runs. */
describe("kube-proxy, which gets another mode", function () {
  this.timeout(600_000);

  it("leads to Services by nftables from the start", async () => {
    for (const node of nodes)
      assert.deepEqual(rules(node), { nftables: true, iptables: false }, node);
    await assertPodsReach("master-01", nodes);
  });

  for (const mode of ["iptables", "nftables"] as const)
    it(`leads there by ${mode}, and leaves nothing of the mode before`, async () => {
      setProxy({ mode, nodeport_addresses: ["10.77.0.0/24"] });
      assert.deepEqual(
        settle().sort(),
        nodes.flatMap((node) => [`${node}-kubelet`, `${node}-preflight`]),
      );
      for (const node of nodes)
        assert.deepEqual(
          rules(node),
          { nftables: mode === "nftables", iptables: mode === "iptables" },
          node,
        );
      await assertPodsReach("master-01", nodes);
      await eventually(() => {
        const { status, stdout } = run("npm run -s status -- --file .lab/cluster.yaml");
        assert.equal(status, 0, stdout);
      }, 60);
    });

  it("is nowhere when it is off, which the status says, and comes back", async () => {
    setProxy({ mode: "off" });
    assert.deepEqual(settle().filter((step) => /-kubelet$/.test(step)).length, 2);
    for (const node of nodes) {
      assert.deepEqual(rules(node), { nftables: false, iptables: false }, node);
      assert.equal(on(node, "systemctl is-active kube-proxy").stdout.trim(), "inactive");
    }
    await eventually(() => {
      const { stdout } = run("npm run -s status -- --file .lab/cluster.yaml");
      assert.match(stdout, /kube_proxy\.mode is off/);
      assert.doesNotMatch(stdout, /kube-proxy on \S+ is/);
    }, 60);
    setProxy({});
    settle();
    await assertPodsReach("master-01", nodes);
  });
});
