import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertPodsReach } from "./dataPlane";
import { assertIsTheFile } from "./expected";
import { converge, editCluster, eventually, kubectl, must, on, root, run, without } from "./lab";

const vip = "10.77.0.100";
const masters = ["master-01", "master-02", "master-03"];
const nodes = [...masters, "worker-01", "worker-02"];
const ca = join(root, ".lab/vip-ca.crt");

const setEndpoint = (endpoint: object) =>
  editCluster((file) => file.setIn(["cluster", "endpoint"], endpoint));

/** Who has the address on a card. */
const holders = (of = masters) =>
  of.filter((node) => on(node, `ip -o -4 address show to ${vip}/32`).stdout.trim() !== "");

/** A client of the API by its address, which asks without pause from outside of the cluster, as long as the suite lives. */
function client() {
  const log = join(root, ".lab/log/vip-client");
  const out = openSync(log, "w");
  const ask = `curl -s -f -o /dev/null --noproxy '*' --max-time 1 --cacert ${ca} https://${vip}:6443/readyz`;
  const child = spawn(
    "bash",
    ["-c", `while kill -0 $PPID; do ${ask} && date +%s.%N; sleep 0.05; done`],
    {
      stdio: ["ignore", out, out],
    },
  );
  return {
    /** Ends it. @returns the longest time without an answer, in seconds */
    stop: (): number => {
      child.kill();
      const times = readFileSync(log, "utf8").trim().split("\n").map(Number);
      assert.ok(times.length > 20, `${times.length} answers`);
      return Math.max(...times.slice(1).map((at, i) => at - (times[i] ?? at)));
    },
  };
}

/** That exactly one of them holds the address, and the API answers there by the cluster's authority. */
const assertHeld = (of = masters) =>
  eventually(() => {
    assert.equal(holders(of).length, 1, holders(of).join());
    must(`curl -s -f --noproxy '*' --max-time 2 --cacert ${ca} https://${vip}:6443/readyz`);
  }, 60);

describe("one address for the API, which the masters share", function () {
  this.timeout(900_000);

  before(() => must("pulumi stack select dev --create"));

  it("is refused where another machine has it", () => {
    setEndpoint({ vip });
    must(`ip address add ${vip}/32 dev groundwork0`);
    try {
      const { output } = run("npm run -s preflight -- --file .lab/cluster.yaml");
      assert.match(
        output,
        /another machine answers at 10\.77\.0\.100, the address that the masters/,
      );
    } finally {
      must(`ip address del ${vip}/32 dev groundwork0`);
    }
  });

  it("is there with the cluster, and every kubeconfig has it", async () => {
    converge();
    const server = kubectl("config view --minify -o jsonpath={.clusters[0].cluster.server}");
    assert.equal(server, `https://${vip}:6443`);
    const authority = "{.clusters[0].cluster.certificate-authority-data}";
    writeFileSync(
      ca,
      must(`kubectl config view --minify --raw -o jsonpath=${authority} | base64 -d`),
    );
    await assertHeld();
    await assertIsTheFile();
  });

  for (const master of masters)
    it(`is away for less than three seconds while ${master} has no power`, async () => {
      const at = client();
      let gap = NaN;
      try {
        must(`sleep 2; lab/node kill ${master}; sleep 8`);
        await assertHeld(masters.filter((name) => name !== master));
      } finally {
        gap = at.stop();
        must(`lab/node start ${master}`);
      }
      console.log(`      longest gap: ${gap.toFixed(2)} s`);
      assert.ok(gap < 3, `the longest gap was ${gap} s`);
      await eventually(() => {
        const ready =
          "curl -s -f --cacert /etc/kubernetes/pki/ca.crt https://127.0.0.1:6443/readyz";
        assert.equal(on(master, ready).stdout, "ok");
      }, 120);
      await assertHeld();
    });

  it("goes to another master when the API server of the one that holds it does not answer", async () => {
    const [holder = ""] = holders();
    const at = client();
    on(holder, "systemctl stop kube-apiserver");
    await assertHeld(masters.filter((name) => name !== holder));
    const gap = at.stop();
    on(holder, "systemctl start kube-apiserver");
    console.log(`      longest gap: ${gap.toFixed(2)} s`);
    assert.ok(gap < 5, `the longest gap was ${gap} s`);
    await assertHeld();
  });

  it("is named by the status: who holds it, nobody, and two", async () => {
    await eventually(() => {
      const { status, stdout } = run("npm run -s status -- --file .lab/cluster.yaml");
      assert.equal(status, 0, stdout);
      assert.match(stdout, /3 API servers answer, 10\.77\.0\.100 at master-0/);
    }, 90);
    const [other = ""] = masters.filter((name) => !holders().includes(name));
    on(other, `ip address add ${vip}/32 dev host0`);
    const { stdout } = run("npm run -s status -- --file .lab/cluster.yaml");
    assert.match(stdout, /hold the API's address 10\.77\.0\.100 at once/);
    on(other, "systemctl restart groundwork-vip");
    await assertHeld();
  });

  it("is left by a master that goes, and its certificates get another name", async () => {
    const names = ["api.example.org"];
    const restore = without("master-03");
    setEndpoint({ vip, names });
    const at = client();
    converge();
    const gap = at.stop();
    console.log(`      longest gap: ${gap.toFixed(2)} s`);
    assert.ok(gap < 5, `the longest gap was ${gap} s`);
    await assertHeld(["master-01", "master-02"]);
    assert.deepEqual(holders(["master-03"]), []);
    assert.equal(on("master-03", "ls /etc/groundwork/vip /run/groundwork-vip.pid").stdout, "");
    const resolve = `--resolve api.example.org:6443:${vip}`;
    must(`curl -s -f --noproxy '*' ${resolve} --cacert ${ca} https://api.example.org:6443/readyz`);
    await assertIsTheFile();
    restore();
    setEndpoint({ vip, names });
    converge();
    await assertHeld();
    await assertPodsReach("master-01", nodes);
  });

  it("goes when the file has it no more", async () => {
    editCluster((file) => file.deleteIn(["cluster", "endpoint"]));
    converge();
    assert.deepEqual(holders(), []);
    for (const master of masters)
      assert.match(on(master, "nft list tables").stdout, /^(?![^]*groundwork-vip)[^]*kube-proxy/);
    await assertIsTheFile();
  });
});
