import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { fill } from "../arguments/standIns";
import { type ClusterPlan, type NodePlan, roleOf, runsCeph, runsPods } from "../config/plan";
import { pluginOf } from "../networks";
import { clusterFacts, clusterType, type FormerCluster } from "../policies/facts";
import { bootstrapTokenMinutes } from "../steps/invite";
import { networkPlugin } from "../steps/network-plugin";
import { afterRestore } from "../steps/restore";
import { upgrade } from "../steps/upgrade";
import { Addons } from "./addons";
import { authoritiesInWords, refuseEndOfAuthorities } from "./authorities";
import { Ceph, type CephDashboard } from "./ceph";
import { CephAddon } from "./cephAddon";
import { cephPackagesInWords, refuseCephPackages } from "./cephPackages";
import { cephKeysInWords, refuseFormerCephKeys } from "./cephRotations";
import { ClusterPki } from "./clusterPki";
import { Credentials } from "./credentials";
import { Dns } from "./dns";
import { Encryption, encryptionInWords, refuseFormerKey } from "./encryption";
import { EtcdCluster } from "./etcdCluster";
import { EtcdRestore } from "./etcdRestore";
import { Fleet } from "./fleet";
import { exportedFormer, namesOf, readFormer, refuseUnrecorded } from "./former";
import { JoinService } from "./joinService";
import { KubernetesNode } from "./kubernetesNode";
import { LostNode } from "./lostNode";
import { Machine } from "./machine";
import { maintained, Maintenance, maintenanceInWords } from "./maintenance";
import { Master } from "./master";
import { orderOf } from "./order";
import { networkInWords, refuseAnotherPlugin } from "./networkPlugin";
import { adminKubeconfig, describeNodes, type NodeDescription, versionOf } from "./outputs";
import { refuseEndOfTokens, serviceAccountsInWords } from "./serviceAccounts";
import { Steps } from "./steps";
import { besides } from "./turns";
import { UnmanagedNode } from "./unmanagedNode";
import { refuseUpgrade, upgradeInWords } from "./upgrade";

export interface ClusterArgs {
  readonly plan: ClusterPlan;
  /** Whether what the cluster cannot be without refuses to be deleted; default: true. */
  readonly protect?: boolean;
  /** Stands before the name of every resource and hook, of which the engine knows each only once; default: `NAME-`. */
  readonly prefix?: string;
  /**
   * The cluster as the last `up` left it: what changes on all nodes goes through these in batches, the policies
   * compare the plan with them, and so are the version of Kubernetes and the network plugin. Has to be known at a preview. Default: the
   * stack's own outputs `kubernetesVersion` and `nodes`; where they are missing of a cluster that lives, or another cluster
   * of the program goes by them, the `up` is refused.
   */
  readonly former?: pulumi.Input<FormerCluster | undefined>;
  /**
   * Whether the program exports this cluster's `kubernetesVersion` and `nodes` under these names for as long as there is a
   * cluster, so that where they are missing nothing has been before; default: false.
   */
  readonly exported?: boolean;
  /** No step runs before; default: nothing has to be waited for. */
  readonly checked?: Promise<unknown>;
  /** What errors call the description of the cluster; default: `cluster NAME`. */
  readonly file?: string;
}

/**
 * A Kubernetes cluster on bare machines, with Ceph where nodes have its roles. Destroying it takes off every machine what
 * was put there.
 *
 * Its inputs are what the policies are shown of the plan. They are plain on purpose: they are known at every preview, and
 * are judged before the first step runs.
 */
export class Cluster extends pulumi.ComponentResource {
  /** For `kubectl`: one context for the cluster's endpoint and one for each master. Secret; none without masters. */
  readonly kubeconfig?: pulumi.Output<string>;
  /** Where clients outside the cluster find the API; none without masters. */
  readonly apiEndpoint?: pulumi.Output<string>;
  /** What the cluster runs. To be exported beside `nodes`: the next `up` is compared with both. */
  readonly kubernetesVersion: pulumi.Output<string>;
  /** The version of its etcd; none without masters. To be exported, too: the next `up` refuses one to which there is no way. */
  readonly etcdVersion?: pulumi.Output<string>;
  /** Every node with its address, its roles and what its machine is; without those that are lost. */
  readonly nodes: Readonly<Record<string, NodeDescription>>;
  /** Where Ceph's dashboard answers, and who may log in; none without. Secret. */
  readonly cephDashboard?: CephDashboard;

  constructor(name: string, args: ClusterArgs, opts: pulumi.ComponentResourceOptions = {}) {
    const { plan: cluster, protect = true, prefix = `${name}-`, file = `cluster ${name}` } = args;
    const facts = fill(clusterFacts(cluster, { prefix, bootstrapTokenMinutes })) as pulumi.Inputs;
    super(clusterType, name, facts, opts);
    const child: pulumi.ComponentResourceOptions = { parent: this, aliases: formerly(prefix) };
    const called = (what: string) => `${prefix}${what}`;

    // What the cluster was and is to be, who it is, and whom it trusts.
    const recorded =
      args.former === undefined
        ? exportedFormer(name, this, file, args.exported ?? false)
        : readFormer(args.former, file);
    const former = recorded.then((before) => before ?? { nodes: {} });
    const steps = new Steps(
      pulumi.output(former).apply((before) => orderOf(cluster, namesOf(before))),
    );
    const { result: id } = new random.RandomUuid(called("cluster-id"), {}, { ...child, protect });
    const clusterId = pulumi
      .all([id, former.then((before) => this.upgrade(before, cluster, file)), args.checked])
      .apply(([id]) => id);
    const pki = new ClusterPki(called("pki"), { cluster, protect }, child);

    // Every machine is examined, then taken and made ready, all of them in parallel.
    const consent = async (lives: boolean) => refuseUnrecorded(await recorded, lives, file);
    const fleet = new Fleet(
      called("all-examined"),
      { cluster, steps, consent: args.exported ? undefined : consent },
      child,
    );
    const machines = cluster.nodes.map(
      (node) => new Machine(called(node.name), { cluster, clusterId, fleet, node, steps }, child),
    );
    for (const machine of machines.filter(({ node }) => node.takesCalls)) {
      new JoinService(called(machine.node.name), { cluster, machine }, child);
    }
    const credentials = machines
      .filter(({ node }) => runsPods(node))
      .map((machine) => {
        const { node } = machine;
        return new Credentials(called(node.name), { cluster, pki, machine }, child);
      });
    const living = credentials.filter(({ node }) => !node.lost);
    const masters = living.filter(({ node }) => roleOf(node) === "master");
    const [first] = masters;

    let kubernetes: { readonly addons: Addons; readonly etcd: EtcdCluster } | undefined;
    if (first) {
      // Before anything is brought to a node: whether the cluster may become what the file says.
      first.machine.run(upgrade(cluster), "upgrade", child, called("upgrade"));
      // The cluster is born on the first master; the others join it one after the other.
      const etcd = new EtcdCluster(called("etcd"), { cluster, first, protect }, child);
      const shared = { cluster, etcd, steps };
      const { restore } = cluster.etcd;
      if (restore) new EtcdRestore(called("etcd-restore"), { ...shared, restore, masters }, child);
      for (const own of credentials.filter(({ node }) => node.lost)) {
        const via = first.machine;
        new LostNode(called(own.node.name), { ...shared, pki, credentials: own, via }, child);
      }
      if (cluster.kubernetes.rotations.encryptionKey > 1)
        new Encryption(called("encryption"), { cluster, pki, masters }, child);
      for (const own of masters)
        new Master(called(own.node.name), { ...shared, pki, credentials: own }, child);

      // As soon as the first API server answers, all nodes may join, in parallel.
      const addons = new Addons(called("addons"), { ...shared, pki }, child);
      const { installation } = pluginOf(cluster);
      if (installation)
        first.machine.run(
          afterRestore(cluster, networkPlugin(cluster, installation)),
          "network-plugin",
          child,
          called("network-plugin"),
        );
      for (const own of living) {
        const via = masters.includes(own) ? own.machine : first.machine;
        new KubernetesNode(called(own.node.name), { ...shared, credentials: own, via }, child);
      }
      for (const node of cluster.unmanaged) {
        new UnmanagedNode(called(node.name), { ...shared, node, via: first.machine }, child);
      }
      new Dns(called("dns"), { ...shared, addons }, child);
      kubernetes = { addons, etcd };
      this.kubeconfig = adminKubeconfig(cluster, pki);
      const { host, port } = cluster.endpoint;
      this.apiEndpoint = pulumi.output(fill(`https://${host}:${port}`));
    }

    // Ceph needs nothing of Kubernetes, but lets it go first where both are born.
    let ceph: Ceph | undefined;
    if (cluster.ceph) {
      const plan = cluster.ceph;
      ceph = new Ceph(called("ceph"), { cluster, plan, machines, protect, steps }, child);
      if (kubernetes)
        new CephAddon(
          called("ceph-addon"),
          { ...kubernetes, ceph, steps, isEarly: pluginOf(cluster).later === true },
          child,
        );
      this.cephDashboard = ceph.dashboard;
    }
    const machineOf = (node: NodePlan | undefined) =>
      machines.find((machine) => machine.node === node);
    for (const node of maintained(cluster)) {
      const machine = machineOf(node);
      if (!machine) continue;
      const via = roleOf(node) === "master" ? machine : first?.machine;
      const monitor = machineOf(ceph && besides(ceph.plan.monitors, node));
      const ofCeph = runsCeph(node);
      new Maintenance(
        called(node.name),
        {
          cluster,
          machine,
          ...(via && runsPods(node) && { via }),
          ...(ceph && monitor && ofCeph && { ceph: { cluster: ceph, monitor } }),
        },
        child,
      );
    }
    const record = { cluster, steps, former };
    this.kubernetesVersion = versionOf("kubernetesVersion", record);
    if (cluster.masters.length > 0) this.etcdVersion = versionOf("etcdVersion", record);
    this.nodes = describeNodes(machines, record);
    this.registerOutputs({ ...facts, before: former });
  }

  /** A preview says in which order another version, or maintenance, reaches whom. */
  private async upgrade(before: FormerCluster, plan: ClusterPlan, whose: string): Promise<void> {
    refuseUpgrade(before, plan, whose);
    refuseAnotherPlugin(before, plan, whose);
    refuseFormerKey(before, plan, whose);
    refuseEndOfTokens(before, plan, whose);
    refuseFormerCephKeys(before, plan, whose);
    refuseCephPackages(before, plan, whose);
    refuseEndOfAuthorities(before, plan, whose);
    for (const words of [
      upgradeInWords(before, plan),
      networkInWords(before, plan),
      encryptionInWords(before, plan),
      serviceAccountsInWords(before, plan),
      cephKeysInWords(before, plan),
      cephPackagesInWords(before, plan),
      authoritiesInWords(before, plan),
      maintenanceInWords(before, plan),
    ])
      if (words !== undefined) await pulumi.log.info(words, this);
  }
}

/** Until the cluster was a component, everything stood at the root of the stack; its names had no prefix. */
function formerly(prefix: string): pulumi.Alias[] {
  return prefix === "" ? [{ parent: pulumi.rootStackResource }] : [];
}
