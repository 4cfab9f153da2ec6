import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { assertPodsReach } from "./dataPlane";
import { clusterFile, eventually, on, preview, run } from "./lab";
import type { WriterReport } from "./writer";

interface FileNode {
  readonly name: string;
  readonly roles: readonly string[];
  readonly lost?: boolean;
  readonly storage?: { readonly devices?: readonly unknown[] };
}

/** With a master's own certificate, of its own member. */
export const etcdctl =
  "etcdctl --cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/server.crt --key=/etc/etcd/pki/server.key";

/** The nodes of the cluster file in use that are not lost, by name. */
export function fileNodes(role?: string): string[] {
  return listed()
    .filter(({ roles }) => role === undefined || roles.includes(role))
    .map(({ name }) => name)
    .sort();
}

function listed(): FileNode[] {
  const { nodes } = parse(readFileSync(clusterFile, "utf8")) as { nodes: FileNode[] };
  return nodes.filter(({ lost }) => !lost);
}

const lines = (text: string) => text.trim().split("\n").filter(Boolean).sort();

/** Names of etcd's voting members, and of its learners with a mark, as seen by one of them. */
export const members = (via: string) =>
  lines(
    on(
      via,
      `${etcdctl} member list -w json | jq -r '.members[] | .name + if .isLearner then " (learner)" else "" end'`,
    ).stdout,
  );

/** Names of the Nodes, those that are not Ready with a mark. */
export const kubernetesNodes = (via: string) =>
  lines(
    on(
      via,
      `KUBECONFIG=/etc/kubernetes/admin.conf kubectl get nodes --no-headers | awk '{ print $1 ($2 ~ /^Ready/ ? "" : " (" $2 ")") }'`,
    ).stdout,
  );

/** Names of the nodes whose serving certificates the masters renew. */
export const declaredNodes = (via: string) =>
  lines(
    on(
      via,
      "KUBECONFIG=/etc/kubernetes/admin.conf kubectl -n kube-system get configmap groundwork-nodes -o json | jq -r '.data // {} | keys[]'",
    ).stdout,
  );

/** The nodes of Kubernetes in the file. */
const inKubernetes = () => [...new Set([...fileNodes("master"), ...fileNodes("worker")])].sort();

/** Waits until pods of all nodes reach each other, Services, and are reached by kubectl. */
export const assertUsable = () => assertPodsReach(fileNodes("master")[0] ?? "", inKubernetes());

/** Waits until members of etcd, Nodes, monitors and OSDs are those of the file, pods usable, and a preview shows nothing. */
export async function assertIsTheFile(): Promise<void> {
  const [master = ""] = fileNodes("master");
  await eventually(() => {
    assert.deepEqual(members(master), fileNodes("master"));
    assert.deepEqual(kubernetesNodes(master), inKubernetes());
    assert.deepEqual(declaredNodes(master), inKubernetes());
  }, 120);
  await assertUsable();
  const monitors = fileNodes("ceph-mon");
  if (monitors.length > 0) {
    const ceph = (command: string) =>
      lines(on(monitors[0] ?? "", `timeout 20 ceph ${command}`).stdout);
    await eventually(() => {
      assert.deepEqual(ceph("mon dump -f json | jq -r '.mons[].name'"), monitors);
      const devices = listed().flatMap(({ storage }) => storage?.devices ?? []);
      assert.equal(
        ceph("osd dump -f json | jq -r '.osds[] | select(.up == 1) | .osd'").length,
        devices.length,
      );
    }, 120);
  }
  const shown = preview("--expect-no-changes");
  assert.equal(shown.status, 0, shown.output);
}

/** What no fault may do to a client. Prints what it did see. */
export function assertNothingLost(report: WriterReport): void {
  console.log(
    `      ${report.acknowledged} writes, longest wait ${report.longestGap.toFixed(1)} s, ${report.failed.length} not within 5 s`,
  );
  assert.ok(report.acknowledged > 0, "nothing was ever written");
  assert.deepEqual(report.lost, [], "acknowledged writes are lost");
}

/** Ends a lock that a killed operator left on the stack. */
export const unlock = () => run("pulumi cancel --yes");

const traces = `
  ls -d /var/lib/cluster-state /var/lib/groundwork /etc/etcd /etc/kube-flannel /etc/kubernetes/* /usr/local/bin/* /run/flannel /run/private/flannel /run/groundwork 2>/dev/null | grep -v kubelet.conf.d
  ls -A /var/lib/etcd /var/lib/kubelet /var/lib/containerd /etc/cni/net.d /var/lib/cni /etc/netns /run/netns 2>/dev/null | grep -v :
  ls /etc/systemd/system | grep -E '^(etcd|flanneld|groundwork-.*|kube-.*|kubelet)\\.(service|timer)$'
  find /etc/ceph /var/lib/ceph -type f ! -name rbdmap 2>/dev/null
  ps -eo args | grep -E '(etcd|kube|flanneld|haproxy|containerd|ceph)' | grep -v grep
  awk '{ print $2 }' /proc/mounts | grep -E '/(kubelet|containerd|netns)/'
  ip -o link | grep -E 'cni0|flannel|veth'
  nft list ruleset
  systemctl list-unit-files --state=enabled --no-legend | grep -E 'etcd|kube|flannel|containerd|haproxy|groundwork|ceph.*@.'
  getent passwd etcd`;

/** What a machine has that a bare one has not; empty when nothing was left. */
export const leftovers = (node: string) => on(node, `{ ${traces}\n} 2>&1; true`).stdout.trim();
