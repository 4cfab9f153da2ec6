import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { clusterFile, on, run } from "./lab";

const { nodes } = parse(readFileSync(clusterFile, "utf8")) as { nodes: { name: string }[] };

/** What a machine has that a bare one has not. */
const leftovers = `
  ls -d /var/lib/cluster-state /var/lib/groundwork /etc/etcd /etc/kube-flannel /etc/kubernetes/* /usr/local/bin/* /run/flannel /run/groundwork 2>/dev/null | grep -v kubelet.conf.d
  ls -A /var/lib/etcd /var/lib/kubelet /var/lib/containerd /etc/cni/net.d 2>/dev/null | grep -v :
  ls /etc/systemd/system | grep -E '^(etcd|flanneld|groundwork-.*|kube-.*|kubelet)\\.(service|timer)$'
  find /etc/ceph /var/lib/ceph -type f ! -name rbdmap 2>/dev/null
  ps -eo args | grep -E '(etcd|kube|flanneld|haproxy|containerd|ceph)' | grep -v grep
  awk '{ print $2 }' /proc/mounts | grep -E '/(kubelet|containerd|netns)/'
  ip -o link | grep -E 'cni0|flannel|veth'
  nft list ruleset
  systemctl list-unit-files --state=enabled --no-legend | grep -E 'etcd|kube|flannel|containerd|haproxy|groundwork|ceph.*@.'
  getent passwd etcd`;

describe("pulumi destroy", function () {
  this.timeout(300_000);

  it("succeeds", () => {
    const result = run(
      "pulumi destroy --yes --skip-preview --suppress-progress --non-interactive --parallel 32",
      { seconds: 280 },
    );
    assert.equal(result.status, 0, result.output);
  });

  for (const { name } of nodes) {
    it(`leaves ${name} as it was found, and the lock released`, () => {
      assert.equal(on(name, `{ ${leftovers}\n} 2>&1; true`).stdout.trim(), "");
    });
  }
});
