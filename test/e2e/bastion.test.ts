import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assertIsTheFile, fileNodes } from "./expected";
import { converge, editCluster, must, on, root, without } from "./lab";

/** For the machines of clusters/bastion.yaml, with nothing on them. */
describe("machines that only a user with sudo reaches, through a bastion", function () {
  this.timeout(600_000);
  const bastion = "10.77.0.10";

  before(() => {
    must("pulumi stack select dev --create");
    // It stays; the cluster knows it as a bastion only.
    without("bastion");
    for (const node of [...fileNodes(), "bastion"]) {
      const sudo =
        node === "bastion" ? "" : "echo 'steward ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/steward";
      const made = on(
        node,
        `set -e; useradd --create-home --shell /bin/bash steward
         install -d -m 700 -o steward /home/steward/.ssh
         install -m 600 -o steward /root/.ssh/authorized_keys /home/steward/.ssh/; ${sudo}`,
      );
      assert.equal(made.status, 0, made.output);
    }
    const key = readFileSync(join(root, ".lab/nodes/bastion/ssh_host_ed25519_key.pub"), "utf8");
    const host_key = key.split(" ").slice(0, 2).join(" ");
    editCluster((file) => {
      file.setIn(["cluster", "ssh", "user"], "steward");
      file.setIn(["cluster", "ssh", "bastion"], file.createNode({ host: bastion, host_key }));
    });
  });

  it("become a cluster whose pods can be used", async () => {
    converge();
    await assertIsTheFile();
  });

  it("were logged in to by nobody but that user, from nowhere but the bastion", () => {
    for (const node of fileNodes()) {
      const log = on(node, "journalctl --unit ssh --output cat").stdout;
      assert.match(log, new RegExp(`Accepted publickey for steward from ${bastion} `), node);
      assert.doesNotMatch(log, new RegExp(`for steward from (?!${bastion} )`), node);
      assert.doesNotMatch(log, new RegExp(`for root from ${bastion} `), node);
    }
  });

  it("are asked for their status by the same way", () => {
    must("npm run --silent status -- --file .lab/cluster.yaml");
  });
});
