import { osdUuid } from "../../config/ceph";
import type { ClusterPlan } from "../../config/plan";
import type { Answer } from "../../status/ask";
import { type ClusterStatus, gather } from "../../status/cluster";
import { expectedUnits } from "../../status/judge/machine";
import type { Report } from "../../status/report";
import { stepsOf } from "../../steps/ofNode";
import { hostKey, planOf, sampleCluster, version } from "./clusterSample";

/** By the operator's clock. */
export const now = Date.parse("2026-11-21T12:00:00Z") / 1000;
/** Of this life of every machine. */
const identity = "3a5b";
const fsid = "6b1d8f0e-1111-4222-8333-444455556666";

/** Three masters with monitors and two workers, one of them with an OSD. */
export const plan: ClusterPlan = planOf({
  cluster: { ...sampleCluster(), ceph: { pool_size: 1 } },
  nodes: [
    ...[1, 2, 3].map((n) => ({
      name: `master-0${n}`,
      ip: `10.0.0.1${n}`,
      roles: ["master", "ceph-mon"],
      host_key: hostKey(n),
    })),
    {
      name: "worker-01",
      ip: "10.0.0.21",
      roles: ["worker", "ceph-osd"],
      host_key: hostKey(4),
      storage: { devices: [{ path: "/dev/sdb" }] },
    },
    { name: "worker-02", ip: "10.0.0.22", roles: ["worker"], host_key: hostKey(5) },
  ],
});

const ids: Readonly<Record<string, string>> = {
  "master-01": "a1",
  "master-02": "a2",
  "master-03": "a3",
};

/** What the master that leads etcd says of snapshots. */
const goodSnapshot = () => ({
  good: { time: now - 1200, name: "etcd-20261121T114000Z-r4711-master-02.db.zst", bytes: 2 ** 20 },
  tried: now - 1200,
  failure: null,
});

/** The network of a node's pods. */
export const podNetwork = (name: string) =>
  `10.244.${plan.nodes.findIndex((node) => node.name === name)}.0/24`;
const otherNetworks = (name: string) =>
  plan.nodes.filter((node) => node.name !== name).map((node) => podNetwork(node.name));

/** What a node of the cluster says when all is well. */
function reportOf(name: string): Report {
  const node = plan.nodes.find((node) => node.name === name);
  if (!node) throw new Error(`the sample has no ${name}`);
  const isMaster = node.roles.includes("master");
  const osd = node.roles.includes("ceph-osd");
  return {
    clock: now,
    host: name,
    lock: {
      cluster_id: "c0ffee",
      cluster_name: "sample",
      node: name,
      stack: "groundwork/sample",
      since: "2026-11-01T00:00:00Z",
    },
    state: {
      "bootstrap-state": "joined",
      "node-role":
        name === "master-01" ? "master-first" : isMaster ? "master-additional" : "worker",
    },
    steps: Object.fromEntries(
      stepsOf(node, plan).map((step) => [step, { at: "2026-11-01T00:01:00Z", identity }]),
    ),
    booted: "2026-11-18T11:00:00Z",
    units: [...expectedUnits(node, plan), ...(osd ? ["ceph-osd@0"] : [])].map((unit) => ({
      name: unit,
      active: "active",
      sub: "running",
      enabled: "enabled",
      restarts: 0,
      since: "2026-11-18T11:00:00Z",
    })),
    disk: { size: 100e9, free: 60e9 },
    settings: [],
    packages: { outdated: 0, lists: now },
    apiReady: true,
    certificates: [
      { path: "/etc/kubernetes/pki/ca.crt", expires: "2036-11-01T00:00:00Z" },
      { path: "/var/lib/kubelet/pki/kubelet-client-current.pem", expires: "2027-11-01T00:00:00Z" },
    ],
    versions: {
      os: "Debian GNU/Linux 13 (trixie)",
      kernel: "6.12.1",
      kubelet: `Kubernetes v${version}`,
      containerd: "1.7.24~ds1-6",
    },
    ...(isMaster
      ? {
          etcd: {
            healthy: true,
            id: ids[name],
            leader: "a2",
            learner: false,
            version: "3.6.16",
            size: 4 * 1024 ** 2,
            ...(name === "master-02" && { snapshot: goodSnapshot() }),
            members: plan.masters.map(({ name, ip }) => ({
              id: ids[name] ?? "",
              started: true,
              name,
              peer: `https://${ip}:2380`,
              learner: false,
            })),
          },
          kubernetes: {
            version: `v${version}`,
            kubelets: plan.nodes.map(({ name }) => ({ name, reached: true })),
            nodes: plan.nodes.map(({ name }) => ({
              name,
              podCIDR: podNetwork(name),
              version: `v${version}`,
              runtime: "containerd://1.7.24",
              cordoned: false,
              taints: [],
              ready: {
                status: "True",
                since: "2026-11-18T11:00:00Z",
                message: "kubelet is posting ready status",
              },
              pressure: [],
            })),
            requests: [],
            workloads: [{ name: "coredns", ready: 2, wanted: 2 }],
          },
          ceph: {
            fsid,
            health: "HEALTH_OK",
            checks: [],
            monitors: plan.masters.map(({ name }) => ({ name, quorum: true })),
            manager: "master-01",
            osds: [{ id: 0, uuid: osdUuid(fsid, "worker-01", "/dev/sdb"), up: true, in: true }],
            bytes: { used: 3 * 1024 ** 3, total: 100 * 1024 ** 3 },
          },
        }
      : {}),
    network: {
      subnet: podNetwork(name),
      bridge: [podNetwork(name).replace("0/24", "1")],
      routes: otherNetworks(name),
      seen: {
        name: true,
        address: true,
        nodes: otherNetworks(name).map((network) => ({ network, reached: true })),
      },
      suspects: [],
    },
    cephDaemons: [
      ...(isMaster
        ? [
            { name: `mgr.${name}`, state: "running", version: "18.2.7" },
            {
              name: `mon.${name}`,
              state: name === "master-01" ? "leader" : "peon",
              version: "18.2.7",
            },
          ]
        : []),
      ...(osd ? [{ name: "osd.0", state: "active", version: "18.2.7" }] : []),
    ],
  };
}

/** A change to one node's report, or in place of it the failure to get one. */
export type Bend = ((report: Report) => void) | Omit<Extract<Answer, { failure: string }>, "node">;

/** The healthy cluster, with some nodes' reports bent; what masters see of the cluster is bent in all of them by `*`. */
export function statusWith(
  bends: Readonly<Record<string, Bend>> = {},
  unmanaged: ClusterPlan["unmanaged"] = [],
): ClusterStatus {
  const answers = plan.nodes.map((node): Answer => {
    const own = bends[node.name];
    if (own && typeof own !== "function") return { node, ...own };
    const report = reportOf(node.name);
    for (const bend of [bends["*"], own]) if (typeof bend === "function") bend(report);
    return { node, report, clock: { offset: report.clock - now, error: 0.05 } };
  });
  return gather({ ...plan, unmanaged }, answers, now);
}
