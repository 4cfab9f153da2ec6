import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assertIsTheFile, kubernetesNodes } from "./expected";
import {
  converge,
  destroyCommand,
  eventually,
  must,
  on,
  type Result,
  root,
  run,
  up,
  without,
} from "./lab";
import { Operator } from "./operator";
import { steps } from "./steps";

const master = "master-01";
/** Made of an image, and a machine with the distribution's packages alone. */
const [imaged, bare] = ["worker-01", "worker-02"] as const;

const succeeds = (node: string, command: string): string => {
  const { status, stdout, output } = on(node, `set -euo pipefail\n${command}`);
  assert.equal(status, 0, output);
  return stdout.trim();
};

/** What the machine's journal has of steps, since a time. */
const journal = (node: string, since = "@0") =>
  succeeds(node, `journalctl --no-pager -o cat -t groundwork --since '${since}'`);
const now = (node: string) => `@${succeeds(node, "date +%s")}`;

/** For how many seconds the engine had a step run. */
function secondsOf(step: string, { stdout }: Result): number {
  const [, seconds] = new RegExp(` ${step} created \\((\\d+(?:\\.\\d+)?)s\\)`).exec(stdout) ?? [];
  assert.ok(seconds !== undefined, `${step} did not run:\n${stdout}`);
  return Number(seconds);
}

/** From power-on of a machine that nobody knows to its Node's Ready, in seconds. */
async function powerOnToReady(node: string): Promise<{ boot: number; ready: number }> {
  const began = Date.now();
  const since = () => (Date.now() - began) / 1000;
  must(`lab/node start ${node}`);
  const boot = since();
  const result = up();
  assert.equal(result.status, 0, result.output);
  await eventually(() => assert.ok(kubernetesNodes(master).includes(node)));
  const ready = since();
  console.log(
    `      ${node}: lets the operator in after ${boot.toFixed(1)} s, Ready after ${ready.toFixed(1)} s, of which prepare took ${secondsOf(`${node}-prepare`, result).toFixed(2)} s`,
  );
  return { boot, ready };
}

/** For the machines of clusters/images.yaml: master-01 and worker-01 are made of images. */
describe("machines that are made of an image", function () {
  this.timeout(900_000);

  before(() => {
    must("pulumi stack select dev --create");
  });

  it("have the programs, and nothing by which one is known from another", () => {
    const rootfs = must(`readlink .lab/nodes/${imaged}/disk/rootfs`).trim();
    for (const path of ["etc/hostname", "var/lib/systemd/random-seed", "var/lib/cluster-state"])
      assert.notEqual(run(`test -e ${rootfs}/${path}`).status, 0, path);
    assert.equal(must(`ls ${rootfs}/etc/ssh`).match(/ssh_host/), null);
    assert.equal(must(`cat ${rootfs}/etc/machine-id`), "");
    succeeds(
      imaged,
      "test -x /usr/local/lib/groundwork/flannel-*/flanneld; systemctl is-active containerd.service",
    );
    assert.notEqual(on(imaged, "test -e /var/lib/cluster-state").status, 0);
  });

  it("join as any node does, and have nothing left to be prepared", async () => {
    const result = up();
    assert.equal(result.status, 0, result.output);
    must('pulumi stack output --show-secrets kubeconfig >"$KUBECONFIG"');
    const printed = new Map(steps().map(({ name, printed }) => [name, printed.trim()]));
    for (const node of [master, imaged]) {
      assert.equal(printed.get(`${node}-prepare`), "unchanged", journal(node));
      const seconds = secondsOf(`${node}-prepare`, result);
      console.log(`      ${node}: prepare took ${seconds} s`);
    }
    assert.match(printed.get(`${bare}-prepare`) ?? "", /^changed: /);
    await assertIsTheFile();
  });

  it("tell at the console what the journal has of steps, word for word", async () => {
    const told = journal(imaged).split("\n");
    assert.ok(told.includes(`${imaged}: prepare: unchanged`), told.join("\n"));
    assert.ok(told.some((line) => line.startsWith(`${imaged}: wrote /`)));
    await eventually(() => {
      const console = readFileSync(join(root, `.lab/log/${imaged}.console.log`), "utf8").split(
        /\r?\n/,
      );
      assert.deepEqual(
        told.filter((line) => line !== "" && !console.includes(line)),
        [],
      );
    }, 20);
    // A machine of no image has the same in its journal.
    assert.match(journal(bare), /^worker-02: wrote \/etc\/sysctl\.d\/90-groundwork\.conf$/m);
    assert.match(journal(bare), /^worker-02: prepare: changed: \d+$/m);
  });

  it("leave with their pods ended, keep their programs, and come back without a download", async () => {
    const back = without(imaged);
    converge();
    assert.deepEqual(kubernetesNodes(master), [master, bare]);
    succeeds(
      imaged,
      `systemctl is-active containerd.service
       test -x /usr/local/lib/groundwork/flannel-*/flanneld
       test ! -e /var/lib/cluster-state
       test ! -e /etc/kubernetes/haproxy.cfg
       test -z "$(ctr -n k8s.io tasks list -q)"
       ! pgrep -x kubelet
       ! pgrep -x flanneld
       systemctl start groundwork-metrics.service
       test -z "$(systemctl list-units --failed --no-legend)"`,
    );
    back();
    const since = now(imaged);
    converge();
    assert.doesNotMatch(journal(imaged, since), /: installed /);
    await assertIsTheFile();
  });

  it("are Ready after power-on, beside a bare machine", async () => {
    const file = [without(bare), without(imaged)];
    converge();
    const times: Record<string, { boot: number; ready: number }> = {};
    // Each alone, as fresh as after its installation.
    for (const [node, back] of [
      [imaged, file[1]],
      [bare, file[0]],
    ] as const) {
      must(`lab/node wipe ${node} --keep-host-key`);
      back?.();
      times[node] = await powerOnToReady(node);
    }
    await assertIsTheFile();
    const gain = (times[bare]?.ready ?? 0) - (times[imaged]?.ready ?? 0);
    console.log(`      the image gains ${gain.toFixed(1)} s of a machine that has its packages`);
  });

  it("are finished by the next up when their power is cut in the middle", async () => {
    const back = without(imaged);
    converge();
    must(`lab/node wipe ${imaged} --keep-host-key`);
    must(`lab/node start ${imaged}`);
    back();
    const operator = new Operator();
    await operator.until(
      ({ step, state }) => step.endsWith(` ${imaged}-kubelet`) && state === "begins",
    );
    must(`lab/node kill ${imaged}`);
    await operator.result;
    must(`lab/node start ${imaged}`);
    run("pulumi cancel --yes");
    converge();
    await assertIsTheFile();
  });

  it("go with the cluster, and are what they were", () => {
    const { status, output } = run(destroyCommand, { seconds: 600 });
    assert.equal(status, 0, output);
    for (const node of [master, imaged])
      succeeds(
        node,
        `test ! -e /var/lib/cluster-state
         test ! -e /etc/kubernetes/pki
         test ! -e /var/lib/etcd/member
         test ! -e /etc/systemd/system/kubelet.service
         test -d /usr/local/lib/groundwork/image`,
      );
  });
});
