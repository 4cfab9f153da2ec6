import assert from "node:assert/strict";
import { assertPodsReach } from "./dataPlane";
import { leftovers } from "./expected";
import { destroyCommand, editCluster, eventually, must, on, run, settle, up } from "./lab";

const nodes = ["master-01", "worker-01"];
const status = () => run("npm run -s status -- --file .lab/cluster.yaml");

/** A switch before the worker that takes packets of 1400 bytes, and drops larger ones without a word: VXLAN takes 50 of each. */
const narrow =
  "nft add table ip switch; nft add chain ip switch from '{ type filter hook prerouting priority -300; }'; nft add rule ip switch from udp dport 8472 ip length gt 1400 drop";
const wide = "nft delete table ip switch";

/** The MTU of the network's links, and that of pods which are made now. */
const mtus = (node: string) =>
  on(
    node,
    "cat /sys/class/net/{flannel.1,cni0}/mtu; ip netns exec groundwork-probe cat /sys/class/net/eth0/mtu; jq '.plugins[0].mtu' /etc/cni/net.d/10-flannel.conflist",
  ).stdout.split("\n");

/** The tests are for the machines of a master and a worker, with nothing on them. */
describe("a way between machines that takes smaller packets than their cards say", function () {
  this.timeout(400_000);

  before(() => {
    must("pulumi stack select dev --create");
    assert.equal(on("worker-01", narrow).status, 0);
  });

  it("keeps a node from joining, with both ends, both sizes and the field that mends it", () => {
    const { status: ended, output } = up();
    assert.notEqual(ended, 0, output);
    const said = new RegExp(
      "packets of full size do not pass between pods of (worker-01 and of master-01|master-01 and of worker-01): flannel reckons with 1450 bytes \\(card \\S+: 1500\\), and the largest that passes has 1350\\n",
    );
    assert.match(output, said);
    assert.match(output, /packets of 1500 bytes, or set cluster\.networking\.flannel\.mtu: 1350; /);
  });

  it("is gone where the file has its size", async () => {
    editCluster((file) => file.setIn(["cluster", "networking", "flannel"], { mtu: 1350 }));
    settle();
    for (const node of nodes)
      assert.deepEqual(mtus(node), ["1350", "1350", "1350", "1350", ""], node);
    must('pulumi stack output --show-secrets kubeconfig >"$KUBECONFIG"');
    await assertPodsReach("master-01", nodes);
    await eventually(() => {
      const { status: ended, stdout } = status();
      assert.equal(ended, 0, stdout);
    }, 60);
  });

  it("that takes what the cards say needs no field", async () => {
    assert.equal(on("worker-01", wide).status, 0);
    editCluster((file) => file.deleteIn(["cluster", "networking", "flannel"]));
    settle();
    for (const node of nodes) {
      const [link, , ...made] = mtus(node);
      assert.deepEqual([link, ...made], ["1450", "1450", "1450", ""], node);
    }
    await assertPodsReach("master-01", nodes);
    const { status: ended, stdout } = status();
    assert.equal(ended, 0, stdout);
  });

  it("is told by the status where it became so, within the time that it always takes", () => {
    assert.equal(on("worker-01", narrow).status, 0);
    const began = Date.now();
    const { status: ended, stdout } = status();
    assert.ok(Date.now() - began < 15_000);
    assert.equal(ended, 1, stdout);
    assert.match(
      stdout.replaceAll(/\s+/g, " "),
      /packets of full size do not pass between pods of master-01 and worker-01: flannel reckons with 1450 bytes, and the largest that passes has 1350/,
    );
    assert.equal(on("worker-01", wide).status, 0);
    const { status: mended, stdout: shown } = status();
    assert.equal(mended, 0, shown);
  });

  it("leaves nothing behind when the cluster goes", () => {
    const result = run(destroyCommand, { seconds: 280 });
    assert.equal(result.status, 0, result.output);
    for (const node of nodes) assert.equal(leftovers(node), "", node);
  });
});
