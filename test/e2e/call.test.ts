import assert from "node:assert/strict";
import { callAtOnce } from "./callers";
import { atConsole, reopen, shut, sowSeed, succeeds } from "./console";
import { assertIsTheFile, kubernetesNodes, leftovers } from "./expected";
import { loadCluster } from "../../config/load";
import {
  clusterFile,
  converge,
  destroyCommand,
  editCluster,
  eventually,
  must,
  on,
  type Result,
  run,
  setNode,
  settle,
  without,
} from "./lab";
import { Operator } from "./operator";
import { boots, outdated, patch } from "./patched";

const master = "master-01";
const worker = "worker-01";
const service = "groundwork-join-service";

/** What it calls with was there before the cluster, and stays. */
const wayIn = "groundwork-join@.service";

/** What the master's join service has said. */
const said = () => on(master, `journalctl --no-pager -o cat -u ${service}`).stdout;
/** Calls the join service from the master itself, with a key, and asks for something. */
const callAs = (key: string, ask: string): Result =>
  on(
    master,
    `timeout 20 ssh -F none -i ${key} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
      -o ExitOnForwardFailure=yes -p 7022 ${ask} groundwork-join@10.77.0.11 true`,
  );

/** For the machines of clusters/call.yaml, with nothing on them. */
describe("a machine that nobody dials", function () {
  this.timeout(900_000);
  /** Where it answers on the master. */
  let address: string;

  before(() => {
    must("pulumi stack select dev --create");
    const { calls } = loadCluster(clusterFile).nodes.find(({ name }) => name === worker) ?? {};
    assert.ok(calls);
    address = `${calls.address}:${calls.port}`;
    shut(worker);
  });

  it("is waited for while the cluster comes up; it calls, and becomes a node like any other", async () => {
    const operator = new Operator();
    await eventually(() => succeeds(on(master, `systemctl is-active ${service}`)), 240);
    sowSeed(worker);
    const { status, output } = await operator.result;
    assert.equal(status, 0, output);
    assert.match(output, /worker-01 is to call, and has not yet: it is waited for/);
    converge();
    reopen(worker);
    await assertIsTheFile();
    const log = on(worker, "journalctl --no-pager -o cat -u ssh").stdout;
    assert.match(log, /Accepted publickey for root from 127\.0\.0\.1 /);
    shut(worker);
  });

  it("is let in by its own host key, for its own address, and for nothing else", () => {
    succeeds(on(master, "rm -f /root/stranger*; ssh-keygen -q -t ed25519 -N '' -f /root/stranger"));
    const key = atConsole(worker, "cat /etc/ssh/ssh_host_ed25519_key").stdout;
    succeeds(run(`lab/ssh ${master} 'umask 077; cat >/root/own'`, { input: key }));
    const stranger = callAs("/root/stranger", `-N -R ${address}:127.0.0.1:22`);
    assert.match(stranger.output, /Permission denied \(publickey\)/);
    assert.match(said(), /Failed publickey for groundwork-join .* ED25519 SHA256:/);
    const root = on(
      master,
      "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p 7022 -i /root/own root@10.77.0.11 true",
    );
    assert.match(root.output, /Permission denied/);
    for (const ask of [
      "-N -R 0.0.0.0:7023:127.0.0.1:22",
      "-N -R 127.0.0.1:7023:127.0.0.1:22",
      "-N -R 127.64.1.1:7023:127.0.0.1:22",
      "-N -R /tmp/own:127.0.0.1:22",
    ]) {
      const { status, output } = callAs("/root/own", ask);
      assert.notEqual(status, 0, ask);
      assert.match(output, /remote port forwarding failed/, `${ask}: ${output}`);
    }
    // A command, and a way to the API.
    assert.notEqual(callAs("/root/own", "").status, 0);
    const through = on(
      master,
      `timeout 20 ssh -F none -i /root/own -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p 7022 -W 127.0.0.1:6443 groundwork-join@10.77.0.11 </dev/null`,
    );
    assert.match(through.output, /administratively prohibited|open failed/);
  });

  it("comes through among two hundred that call at once, fifty of them to do harm", () => {
    const [honest, hostile] = (process.env.CALLERS ?? "150 50").split(" ").map(Number);
    const { seconds, connected, memory } = callAtOnce(master, honest ?? 0, hostile ?? 0);
    console.log(
      `      ${connected} let in after ${seconds} s; the service takes ${memory >> 20} MiB`,
    );
    assert.equal(connected, honest);
    assert.ok(memory < 2 ** 31, `${memory} bytes`);
    succeeds(on(master, `systemctl is-active ${service}`));
    settle();
  });

  it("gets what changes, and tells how it does", async () => {
    const back = setNode(worker, "labels", { "example.org/rack": "a7" });
    assert.deepEqual(settle(), ["worker-01-admit"]);
    back();
    setNode(worker, "kubelet", { config: { maxPods: 99 } });
    assert.ok(settle().includes("worker-01-kubelet"));
    await eventually(() => must("npm run --silent status -- --file .lab/cluster.yaml"), 120);
    reopen(worker);
    await assertIsTheFile();
    shut(worker);
  });

  it("calls again when its power was cut, and nobody is asked anything", async () => {
    must("lab/node kill worker-01");
    must("lab/node start worker-01");
    await eventually(() => succeeds(on(master, `ss -Hltn 'src ${address}' | grep -q .`)), 90);
    shut(worker);
    await eventually(() => must("npm run --silent status -- --file .lab/cluster.yaml"), 120);
    reopen(worker);
    await assertIsTheFile();
    shut(worker);
  });

  it("is maintained over the connection that it makes, after the master that takes it", async () => {
    reopen(worker);
    for (const node of [master, worker]) outdated(node);
    shut(worker);
    editCluster((file) => file.setIn(["cluster", "maintenance"], 1));
    assert.deepEqual(settle().sort(), ["master-01-maintain", "worker-01-maintain"]);
    for (const node of [master, worker])
      assert.deepEqual([patch(node), boots(node)], ["2", 2], node);
    await assertIsTheFile();
    shut(worker);
  });

  it("is wiped and cut off when its entry goes; with its host key, copied, nobody is let in any more", () => {
    const back = without(worker);
    converge();
    assert.deepEqual(kubernetesNodes(master), [master]);
    assert.equal(on(master, `ss -Hltn 'src ${address}'`).stdout.trim(), "");
    reopen(worker);
    assert.equal(leftovers(worker), wayIn);
    shut(worker);
    // Nobody else calls, and nobody is listened to.
    const { output } = callAs("/root/own", `-N -R ${address}:127.0.0.1:22`);
    assert.match(output, /connect to host 10\.77\.0\.11 port 7022: Connection refused/);
    back();
  });

  it("comes back by itself when its entry does, though its power is cut in the middle", async () => {
    const operator = new Operator();
    await operator.until(
      ({ step, state }) => step.endsWith(" worker-01-kubelet") && state === "begins",
    );
    must("lab/node kill worker-01");
    must("lab/node start worker-01");
    shut(worker);
    await operator.result;
    await eventually(() => succeeds(on(master, `ss -Hltn 'src ${address}' | grep -q .`)), 90);
    run("pulumi cancel --yes");
    converge();
    reopen(worker);
    await assertIsTheFile();
    shut(worker);
  });

  it("goes with the cluster, by the way it came", () => {
    succeeds(run(destroyCommand, { seconds: 600 }));
    reopen(worker);
    assert.equal(leftovers(master), "");
    assert.equal(leftovers(worker), wayIn);
    assert.notEqual(on(master, "getent passwd groundwork-join").status, 0);
  });
});
