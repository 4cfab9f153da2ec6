import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { declaredNodes, kubernetesNodes, members } from "./expected";
import { converge, eventually, must, on, root, run, up, without } from "./lab";

const everyone = ["master-01", "master-02", "master-03", "worker-01", "worker-02"];

describe("living with the file", function () {
  this.timeout(600_000);

  it("removes the first master like any other, and wipes it", () => {
    const restore = without("master-01");
    try {
      const ran = converge();
      assert.deepEqual(members("master-02"), ["master-02", "master-03"]);
      assert.deepEqual(kubernetesNodes("master-02"), everyone.slice(1));
      assert.equal(
        on("master-01", "ls -d /var/lib/cluster-state /etc/etcd /usr/local/bin/kubelet 2>/dev/null")
          .stdout,
        "",
      );
      // No step of another master ran, and nothing was born again.
      assert.deepEqual(
        ran.filter((name) => /^(etcd-genesis|master-0[23]-)/.test(name)),
        [],
      );
    } finally {
      restore();
    }
  });

  it("adds it again, and touches no other master", () => {
    const ran = converge();
    assert.deepEqual(members("master-02"), everyone.slice(0, 3));
    assert.deepEqual(kubernetesNodes("master-02"), everyone);
    assert.deepEqual(
      ran.filter((name) => /^(etcd-genesis|master-0[23]-)/.test(name)),
      [],
    );
  });

  it("removes and adds a worker by running that worker's steps only", () => {
    const restore = without("worker-02");
    try {
      const ran = converge();
      assert.deepEqual(kubernetesNodes("master-02"), everyone.slice(0, 4));
      assert.deepEqual(declaredNodes("master-02"), everyone.slice(0, 4));
      assert.deepEqual(
        ran.filter((name) => !name.startsWith("worker-02-")),
        [],
      );
    } finally {
      restore();
    }
    const ran = converge();
    assert.deepEqual(kubernetesNodes("master-02"), everyone);
    assert.deepEqual(
      ran.filter((name) => !name.startsWith("worker-02-")),
      [],
    );
  });

  it("takes a master whose disk was wiped back in, under its new host key", async () => {
    must("lab/node wipe master-02");
    must("lab/node start master-02; lab/nodes.sh config test/e2e/clusters/kubernetes.yaml");
    const ran = converge();
    assert.deepEqual(members("master-01"), everyone.slice(0, 3));
    await eventually(() => assert.deepEqual(kubernetesNodes("master-01"), everyone));
    assert.deepEqual(
      ran.filter((name) => !name.startsWith("master-02-")),
      [],
    );
  });

  it("finishes the job when the operator is killed in the middle", async () => {
    const restore = without("worker-01");
    try {
      converge();
    } finally {
      restore();
    }
    for (const seconds of [4, 6, 8]) {
      await new Promise<void>((resolve) => {
        const child = spawn(
          "bash",
          [
            "-c",
            ". .lab/env; exec pulumi up --yes --skip-preview --non-interactive >/dev/null 2>&1",
          ],
          { cwd: root, detached: true },
        );
        const timer = setTimeout(() => process.kill(-(child.pid ?? 0), "SIGKILL"), seconds * 1000);
        child.on("exit", () => {
          clearTimeout(timer); // it may have finished the job before
          resolve();
        });
      });
      run("pulumi cancel --yes");
    }
    converge();
    assert.deepEqual(kubernetesNodes("master-01"), everyone);
    assert.deepEqual(members("master-01"), everyone.slice(0, 3));
  });

  it("comes back by itself when all machines lose power at once", async () => {
    for (const node of everyone) must(`lab/node kill ${node}`);
    for (const node of [...everyone].reverse()) must(`lab/node start ${node}`);
    await eventually(() => {
      must("kubectl get --raw /readyz");
      const notReady = must("kubectl get nodes --no-headers | awk '$2 != \"Ready\"'");
      assert.equal(notReady, "");
    }, 120);
    assert.deepEqual(members("master-03"), everyone.slice(0, 3));
    const result = up("--expect-no-changes");
    assert.equal(result.status, 0, result.output);
  });
});
