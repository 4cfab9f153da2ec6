import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { Addons } from "./components/addons";
import { Cluster } from "./components/cluster";
import { Ceph } from "./components/ceph";
import { CephAddon } from "./components/cephAddon";
import { ClusterPki } from "./components/clusterPki";
import { Credentials } from "./components/credentials";
import { Dns } from "./components/dns";
import { EtcdCluster } from "./components/etcdCluster";
import { Fleet } from "./components/fleet";
import { KubernetesNode } from "./components/kubernetesNode";
import { LostNode } from "./components/lostNode";
import { Machine } from "./components/machine";
import { Master } from "./components/master";
import { clusterKubeconfig, describeNodes } from "./components/outputs";
import { Rollout } from "./components/rollout";
import { loadCluster } from "./config/load";
import { roleOf } from "./config/plan";

// Pulumi's SDK writes out a stack trace for every promise, through source maps: a third of the program's time. One frame
// still tells where an error comes from.
Error.stackTraceLimit = Math.min(Error.stackTraceLimit, 1);

const config = new pulumi.Config();
const clusterFile = config.get("clusterFile") ?? "cluster.yaml";
const cluster = loadCluster(clusterFile);
const protect = config.getBoolean("protect") ?? true;

// What the cluster is to be, who it is, and whom it trusts.
const declared = new Cluster("cluster", cluster);
const id = new random.RandomUuid("cluster-id", {}, { protect }).result;
const clusterId = declared.unlessUpgraded(id, cluster, clusterFile);
const pki = new ClusterPki("pki", { cluster, protect });

// Every machine is examined, then taken and made ready, all of them in parallel.
const fleet = new Fleet("all-examined", cluster);
const machines = cluster.nodes.map(
  (node) => new Machine(node.name, { cluster, clusterId, fleet, node }),
);
fleet.complete(machines.filter(({ node }) => !node.lost));
const credentials = machines
  .filter(({ node }) => roleOf(node) !== "storage")
  .map((machine) => new Credentials(machine.node.name, { cluster, pki, machine }));
const living = credentials.filter(({ machine }) => !machine.node.lost);
const lost = credentials.filter(({ machine }) => machine.node.lost);
const ofMasters = living.filter(({ machine }) => roleOf(machine.node) === "master");
const [first] = ofMasters;

let kubernetes: { addons: Addons; etcd: EtcdCluster; joined: KubernetesNode[] } | undefined;
if (first) {
  // The cluster is born on the first master; the others join it one after the other.
  const etcd = new EtcdCluster("etcd", { first, machines, protect });
  const forgotten = lost.map(
    (own) =>
      new LostNode(own.machine.node.name, {
        cluster,
        credentials: own,
        via: first.machine,
        etcd,
      }),
  );
  const former = declared.before.apply(({ nodes = {} }) => Object.keys(nodes));
  const controlPlanes = new Rollout(former);
  // Whichever controller manager leads signs what the first kubelet asks for.
  const kubelets = new Rollout(former, controlPlanes);
  const masters = ofMasters.reduce<Master[]>(
    (after, own) => [
      ...after,
      new Master(own.machine.node.name, {
        cluster,
        credentials: own,
        etcd,
        after,
        rollout: controlPlanes,
        forgotten,
      }),
    ],
    [],
  );

  // As soon as the first API server answers, all nodes may join, in parallel.
  const adminKubeconfig = clusterKubeconfig(
    cluster,
    pki.ca,
    "kubernetes-super-admin",
    pki.superAdmin,
  );
  const addons = new Addons("addons", {
    cluster,
    kubeletServingCa: pki.kubeletServingCa.cert,
    kubeconfig: adminKubeconfig,
    etcd,
    after: masters.slice(0, 1),
  });
  const joined = living.map((own) => {
    const master = masters[ofMasters.indexOf(own)];
    return new KubernetesNode(own.machine.node.name, {
      cluster,
      credentials: own,
      etcd,
      via: master ? own.machine : first.machine,
      after: [...addons.rights, ...(master ? [master.ready] : [])],
      rollout: kubelets,
    });
  });
  kubernetes = { addons, etcd, joined };
  const onMasters = joined.filter(({ node }) => roleOf(node) === "master");
  new Dns("dns", { cluster, addons, etcd, after: onMasters.map(({ ready }) => ready) });
}

// Ceph needs nothing of Kubernetes, but lets it go first where both are born.
const ceph =
  cluster.ceph &&
  new Ceph("ceph", {
    plan: cluster.ceph,
    machines,
    protect,
    after: kubernetes?.joined.map(({ ready }) => ready),
  });
if (ceph && kubernetes) new CephAddon("ceph-addon", { ceph, ...kubernetes });

/** Of what the cluster has: a value that is undefined would be warned about. */
export = {
  ...(first && {
    /** For `kubectl`: one context for the cluster's endpoint and one for each master. Secret. */
    kubeconfig: clusterKubeconfig(cluster, pki.ca, "kubernetes-admin", pki.admin, cluster.masters),
    /** Where clients outside the cluster find the API. */
    apiEndpoint: `https://${cluster.endpoint.host}:${cluster.endpoint.port}`,
  }),
  /** What the cluster runs. The policies compare the next `up` with it, and with `nodes`. */
  kubernetesVersion: cluster.kubernetes.version,
  /** Where Ceph's dashboard answers, and who may log in. Secret. */
  ...(ceph && { cephDashboard: ceph.dashboard }),
  /** Every node with its address, its roles and what its machine is. */
  nodes: describeNodes(machines),
};
