import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { fill } from "../arguments/standIns";
import { cephNamespace as namespace, kubernetesPool, kubernetesUser } from "../config/ceph";
import { ports } from "../config/ports";
import type { Addons } from "./addons";
import type { Ceph } from "./ceph";
import type { EtcdCluster } from "./etcdCluster";
import type { Steps } from "./steps";

export interface CephAddonArgs {
  /** It need not be healthy, nor there: only what the program knows of it is needed. */
  readonly ceph: Ceph;
  readonly addons: Addons;
  readonly etcd: EtcdCluster;
  readonly steps: Steps;
  /** Whether pods have no network yet, so that the driver's are not waited for. */
  readonly isEarly: boolean;
}

const secretName = "csi-rbd-secret";
const driver = "rbd.csi.ceph.com";

/**
 * What Kubernetes needs to use Ceph, under the names ceph-csi documents: a namespace, the key of its user in Ceph, the
 * monitors' addresses and a StorageClass; with `csi`, the driver itself from its chart.
 */
export class CephAddon extends pulumi.ComponentResource {
  constructor(name: string, args: CephAddonArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:CephAddon", name, {}, opts);
    const { plan, identity } = args.ceph;
    const { steps } = args;
    const { provider } = args.addons;
    // When the cluster goes, what lives in it goes with it.
    const child = {
      parent: this,
      provider,
      dependsOn: steps.before("ceph-addon"),
      deletedWith: args.etcd.genesis,
    };
    const space = new kubernetes.core.v1.Namespace(name, { metadata: { name: namespace } }, child);
    const within = (after: pulumi.Output<pulumi.Resource[]>) => ({
      ...child,
      dependsOn: after.apply((resources) => [...resources, space]),
    });
    const inside = within(steps.before("ceph-addon"));
    const secret = new kubernetes.core.v1.Secret(
      `${name}-${secretName}`,
      {
        metadata: { name: secretName, namespace },
        stringData: {
          userID: kubernetesUser(plan.rotations.kubernetesKey),
          userKey: pulumi.output(identity.kubernetes.at(-1)).apply((user) => user?.key ?? ""),
        },
      },
      inside,
    );
    const monitors = fill(plan.monitors.map(({ ip }) => `${ip}:${ports.cephMonitor}`));
    const config = new kubernetes.core.v1.ConfigMap(
      `${name}-config`,
      {
        metadata: { name: "ceph-csi-config", namespace },
        data: {
          "config.json": pulumi
            .all([identity.fsid, monitors])
            .apply(([clusterID, monitors]) => JSON.stringify([{ clusterID, monitors }])),
        },
      },
      inside,
    );
    const secretRef = (operation: string) => ({
      [`csi.storage.k8s.io/${operation}-secret-name`]: secretName,
      [`csi.storage.k8s.io/${operation}-secret-namespace`]: namespace,
    });
    const storageClass = new kubernetes.storage.v1.StorageClass(
      `${name}-class`,
      {
        metadata: { name: "ceph-rbd" },
        provisioner: driver,
        parameters: {
          clusterID: identity.fsid,
          pool: kubernetesPool,
          imageFeatures: "layering",
          // The kernel speaks protocol 1 unless told otherwise, and these monitors do not.
          mapOptions: "krbd:ms_mode=prefer-crc",
          "csi.storage.k8s.io/fstype": "ext4",
          ...secretRef("provisioner"),
          ...secretRef("controller-expand"),
          ...secretRef("node-stage"),
        },
        reclaimPolicy: "Delete",
        allowVolumeExpansion: true,
      },
      child,
    );
    const made: pulumi.Resource[] = [secret, config, storageClass];
    if (plan.csi) {
      const release = new kubernetes.helm.v3.Release(
        `${name}-driver`,
        {
          name: "ceph-csi-rbd",
          namespace,
          chart: "ceph-csi-rbd",
          version: "3.15.1",
          repositoryOpts: { repo: "https://ceph.github.io/csi-charts" },
          ...(args.isEarly && { skipAwait: true }),
          // Configuration and secret are the ones above.
          values: { externallyManagedConfigmap: true, driverName: driver },
        },
        within(steps.before("ceph-driver")),
      );
      made.push(release);
    }
    steps.add("ceph-addon", ...made);
    this.registerOutputs();
  }
}
