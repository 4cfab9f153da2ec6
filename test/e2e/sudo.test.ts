import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  converge,
  destroyCommand,
  editCluster,
  must,
  on,
  preview,
  root,
  run,
  setNode,
  settle,
  up,
} from "./lab";
import { leftovers } from "./expected";

const password = "correct horse battery";
const lab = join(root, ".lab");
const passwordFile = join(lab, "sudo-password");

/**
 * On the bare machines of pair.yaml: a user with a password for sudo, found in a file as ~/.ssh/config, who reaches the
 * master by way of the worker.
 */
describe("machines whose user gives sudo a password", function () {
  this.timeout(600_000);
  let tunnel: ChildProcess;
  let restore: () => void;

  before(() => {
    must("pulumi stack select dev --create");
    for (const node of ["master-01", "worker-01"]) {
      const made = on(
        node,
        `set -e
        useradd --create-home --shell /bin/bash ops
        chpasswd <<<'ops:${password}'
        install -d -m 0700 -o ops ~ops/.ssh
        install -m 0600 -o ops ~/.ssh/authorized_keys ~ops/.ssh/
        sed -i '1i echo Welcome to our company' ~ops/.bashrc
        echo 'ops ALL=(ALL:ALL) ALL' >/etc/sudoers.d/ops`,
      );
      assert.equal(made.status, 0, made.output);
    }
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    const config = [
      "Host jump",
      "  HostName 10.77.0.21",
      "  HostKeyAlias worker-01",
      "Host master-01",
      "  HostName 10.77.0.11",
      "  ProxyJump jump",
      "Host *",
      "  User ops",
      `  IdentityFile ${lab}/ssh/id_ed25519`,
      `  UserKnownHostsFile ${lab}/ssh/known_hosts`,
    ];
    writeFileSync(join(lab, "ssh-config"), `${config.join("\n")}\n`);
    restore = editCluster((file) => {
      file.setIn(["cluster", "ssh"], {
        config_file: "ssh-config",
        sudo_password_file: "sudo-password",
      });
      file.setIn(["cluster", "endpoint"], "localhost:16443");
    });
    // As docs/operations.md has it, for who reaches machines over SSH only.
    const forward = "-N -L 127.0.0.1:16443:10.77.0.11:6443 jump".split(" ");
    tunnel = spawn("ssh", ["-F", join(lab, "ssh-config"), ...forward], { stdio: "ignore" });
  });
  after(() => {
    tunnel.kill();
    restore();
  });

  it("that is wrong are told so by name, tried once, and not written to", () => {
    writeFileSync(passwordFile, "wrong\n");
    const { status, output } = up();
    writeFileSync(passwordFile, `${password}\n`);
    assert.notEqual(status, 0);
    for (const node of ["master-01", "worker-01"])
      assert.match(
        output,
        new RegExp(`groundwork: ${node} \\(\\S+\\) does not take the password .* for user ops\\.`),
      );
    const { stdout } = on("worker-01", "journalctl -q -t sudo --grep 'incorrect password' -o cat");
    assert.match(stdout, /^ *ops : 1 incorrect password attempt .*$\n?$/m);
    assert.equal(stdout.trim().split("\n").length, 1, stdout);
  });

  it("become a cluster, the master by way of the worker, and so does who asks its API", () => {
    converge();
    assert.match(must("kubectl config view"), /server: https:\/\/localhost:16443/);
    assert.match(must("kubectl get nodes"), /worker-01 +Ready/);
    const status = run("npm run --silent status -- --file .lab/cluster.yaml");
    assert.equal(status.status, 0, status.output);
    const { stdout } = on(
      "master-01",
      "journalctl -q -t sshd -t sshd-session -o cat | grep 'for ops'",
    );
    assert.match(stdout, /Accepted publickey for ops from 10\.77\.0\.21 /);
    assert.doesNotMatch(stdout, /from 10\.77\.0\.1 /);
  });

  it("show in a preview what changes, and never the password", () => {
    const back = setNode("worker-01", "labels", { rack: "r7" });
    try {
      const { output } = preview("--diff");
      assert.match(output, /groundwork:index:Program: \(update\)/);
      assert.match(output, /^ *\+ .*rack.*r7/m);
      assert.doesNotMatch(output, /correct horse/);
      settle();
    } finally {
      back();
    }
  });

  it("keep it out of the state, and of what the machines remember", () => {
    const state = run(
      "grep -rl 'correct horse' .lab/state; pulumi stack export | grep -c 'correct horse'",
    );
    assert.equal(state.stdout.trim(), "0");
    for (const node of ["master-01", "worker-01"]) {
      const { stdout } = on(
        node,
        "journalctl -q --grep '[c]orrect horse'; grep -rlI '[c]orrect horse' /var/lib/groundwork /var/lib/cluster-state /etc /run /home /root /tmp",
      );
      assert.equal(stdout, "", node);
    }
    assert.equal(readFileSync(passwordFile, "utf8"), `${password}\n`);
  });

  it("are taken off by it, too", () => {
    const result = run(destroyCommand, { seconds: 280 });
    assert.equal(result.status, 0, result.output);
    for (const node of ["master-01", "worker-01"]) assert.equal(leftovers(node), "");
  });
});
