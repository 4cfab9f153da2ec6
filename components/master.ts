import * as pulumi from "@pulumi/pulumi";
import { fill } from "../arguments/standIns";
import type { ClusterPlan } from "../config/plan";
import { signing } from "../steps/authorities";
import { controlPlane, controlPlaneServices } from "../steps/control-plane";
import { etcd as member } from "../steps/etcd";
import { afterRestore } from "../steps/restore";
import { serviceAccount } from "../steps/service-account";
import { snapshots } from "../steps/snapshots";
import { vip } from "../steps/vip";
import type { ClusterPki } from "./clusterPki";
import type { Credentials } from "./credentials";
import type { EtcdCluster } from "./etcdCluster";

export interface MasterArgs {
  readonly cluster: ClusterPlan;
  readonly credentials: Credentials;
  readonly pki: ClusterPki;
  readonly etcd: EtcdCluster;
}

/**
 * One member of etcd and the control plane on it, and its turn to hold the API's address. The first master is the same component with the same steps as every
 * other: being first is an edge of the graph, so that it can be deleted like any other.
 */
export class Master extends pulumi.ComponentResource {
  constructor(name: string, args: MasterArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Master", name, {}, opts);
    const { cluster, credentials, pki, etcd } = args;
    const { encryptionKeys, serviceAccountKeys } = pki;
    const { machine } = credentials;
    const { node } = machine;

    // Who came before the master that etcd was restored on does not know it.
    const { restore } = cluster.etcd;
    const peers = restore
      ? pulumi
          .all([machine.peers, fill(restore.on.ip)])
          .apply(([peers, ip]) => [...new Set([...peers.split(" "), ip])].join(" "))
      : machine.peers;
    machine.run(
      afterRestore(cluster, member({ cluster, node, peers, reads: credentials.reads(["etcd"]) })),
      `${node.name}/etcd`,
      // When the whole cluster goes there is nobody to take leave of.
      { parent: this, deletedWith: etcd.genesis },
    );
    const [newest] = serviceAccountKeys;
    if (newest && newest.number > 1)
      machine.run(serviceAccount(newest), `${node.name}/service-account`, { parent: this });
    machine.run(
      afterRestore(
        cluster,
        controlPlane({
          cluster,
          node,
          encryptionKeys,
          serviceAccountKeys,
          reads: credentials.reads(controlPlaneServices),
        }),
      ),
      `${node.name}/control-plane`,
      { parent: this },
    );
    const { rotations } = cluster.kubernetes;
    if (rotations.authorities > 1)
      machine.run(afterRestore(cluster, signing(rotations, pki)), `${node.name}/signing`, {
        parent: this,
      });
    machine.run(snapshots(cluster, node), `${node.name}/snapshots`, { parent: this });
    if (cluster.endpoint.vip) {
      const step = vip(cluster.endpoint.vip, cluster.masters);
      machine.run(step, `${node.name}/vip`, { parent: this, deletedWith: etcd.genesis });
    }
    this.registerOutputs();
  }
}
