import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { type CephPlan, kubernetesPool } from "../config/ceph";
import { cephCaps, cephKey, cephKeyring, type CephUser } from "../steps/lib/ceph";
import { createAuthority, type KeyPair } from "./certificate";
import type { Steps } from "./steps";

export interface CephIdentityArgs {
  readonly plan: CephPlan;
  /** Whether the cluster's id and its keys refuse to be deleted. */
  readonly protect: boolean;
  readonly steps: Steps;
}

/**
 * Who the Ceph cluster is, and its users with their keys. All of it is made here and nothing is read back from a node, so
 * that any monitor can be made again.
 */
export class CephIdentity extends pulumi.ComponentResource {
  readonly fsid: pulumi.Output<string>;
  readonly monitor: pulumi.Output<CephUser>;
  readonly admin: pulumi.Output<CephUser>;
  readonly osdHost: pulumi.Output<CephUser>;
  readonly crash: pulumi.Output<CephUser>;
  /** The user of ceph-csi, good for one pool. */
  readonly kubernetes: pulumi.Output<CephUser>;
  /** By the name of the manager's node. */
  readonly managers: ReadonlyMap<string, pulumi.Output<CephUser>>;
  /** Signs the dashboards' certificates, whose keys are the daemons' user's, and nothing of Kubernetes. */
  readonly ca: KeyPair;

  constructor(name: string, args: CephIdentityArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:CephIdentity", name, {}, opts);
    const guarded = { parent: this, protect: args.protect };
    const dependsOn = args.steps.before("ceph-identity");
    const fsid = new random.RandomUuid(`${name}-fsid`, {}, { ...guarded, dependsOn });
    args.steps.add("ceph-identity", fsid);
    this.fsid = fsid.result;

    const user = (
      entity: string,
      caps: CephUser["caps"],
      opts: pulumi.CustomResourceOptions = guarded,
    ) => {
      const id = entity.replace(/\.$/, "").replace(".", "-");
      const { base64 } = new random.RandomBytes(`${name}-key-${id}`, { length: 16 }, opts);
      return base64.apply((bytes) => ({ entity, key: cephKey(bytes), caps }));
    };
    this.monitor = user("mon.", cephCaps.monitor);
    this.admin = user("client.admin", cephCaps.admin);
    this.osdHost = user("client.bootstrap-osd", cephCaps.osdHost);
    this.crash = user("client.crash", cephCaps.crash);
    this.kubernetes = user("client.kubernetes", cephCaps.csi(kubernetesPool));
    this.managers = new Map(
      args.plan.monitors.map((node) => [
        node.name,
        user(`mgr.${node.name}`, cephCaps.manager, { parent: this }),
      ]),
    );
    this.ca = createAuthority(`${name}-ca`, "ceph", guarded);
    this.registerOutputs();
  }
}

/** A keyring file of these users. Secret. */
export function keyring(...users: pulumi.Input<CephUser>[]): pulumi.Output<string> {
  return pulumi.all(users).apply((users) => cephKeyring(users));
}
