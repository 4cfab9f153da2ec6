import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import {
  type CephConnectionMode,
  type CephPlan,
  kubernetesPool,
  kubernetesUser,
} from "../config/ceph";
import { cephCaps, cephKey, cephKeyring, type CephUser } from "../steps/lib/ceph";
import { type Authority, createAuthorities } from "./certificate";
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
  /** The users of ceph-csi, good for one pool, from the oldest that there is to the one that takes new volumes. */
  readonly kubernetes: readonly pulumi.Output<CephUser>[];
  /** By the name of the manager's node. */
  readonly managers: ReadonlyMap<string, pulumi.Output<CephUser>>;
  /** Number of the keys that OSDs have, each of its own. */
  readonly osdKey: number;
  /** What whoever knows these keys says to each other by. */
  readonly connectionMode: CephConnectionMode;
  /** Signs the dashboards' certificates, whose keys are the daemons' user's, and nothing of Kubernetes. */
  readonly ca: Authority;

  constructor(name: string, args: CephIdentityArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:CephIdentity", name, {}, opts);
    const guarded = { parent: this, protect: args.protect };
    const dependsOn = args.steps.before("ceph-identity");
    const fsid = new random.RandomUuid(`${name}-fsid`, {}, { ...guarded, dependsOn });
    args.steps.add("ceph-identity", fsid);
    this.fsid = fsid.result;
    this.connectionMode = args.plan.connectionMode;

    const { kubernetesKey, oldestKubernetesKey, adminKey, osdKey, authority, oldestAuthority } =
      args.plan.rotations;
    this.osdKey = osdKey;
    const user = (
      entity: string,
      caps: CephUser["caps"],
      id = entity.replace(/\.$/, "").replace(".", "-"),
      opts: pulumi.CustomResourceOptions = guarded,
    ) => {
      const { base64 } = new random.RandomBytes(`${name}-key-${id}`, { length: 16 }, opts);
      return base64.apply((bytes) => ({ entity, key: cephKey(bytes), caps }));
    };
    /** With the key of this number. Former keys stay in the state, as all that cannot be made again. */
    const counted = (
      entity: string,
      caps: CephUser["caps"],
      opts?: pulumi.CustomResourceOptions,
    ) => {
      const id = entity.replace(".", "-");
      return Array.from({ length: adminKey }, (_, i) =>
        user(entity, caps, i === 0 ? id : `${i + 1}-${id}`, opts),
      ).at(-1) as pulumi.Output<CephUser>;
    };
    this.monitor = user("mon.", cephCaps.monitor);
    this.admin = counted("client.admin", cephCaps.admin);
    this.osdHost = counted("client.bootstrap-osd", cephCaps.osdHost);
    this.crash = counted("client.crash", cephCaps.crash);
    this.kubernetes = Array.from({ length: kubernetesKey }, (_, i) =>
      user(`client.${kubernetesUser(i + 1)}`, cephCaps.csi(kubernetesPool)),
    ).slice(oldestKubernetesKey - 1);
    this.managers = new Map(
      args.plan.monitors.map((node) => [
        node.name,
        counted(`mgr.${node.name}`, cephCaps.manager, { parent: this }),
      ]),
    );
    const numbers = { newest: authority, oldest: oldestAuthority };
    this.ca = createAuthorities(`${name}-ca`, "ceph", numbers, guarded);
    this.registerOutputs();
  }
}

/** A keyring file of these users. Secret. */
export function keyring(...users: pulumi.Input<CephUser>[]): pulumi.Output<string> {
  return pulumi.all(users).apply((users) => cephKeyring(users));
}

/** The users that change with the administrator's key, once they have: who has a monitor tells the cluster. Secret. */
export const renewedUsers = (
  { rotations }: CephPlan,
  { admin, osdHost, crash }: CephIdentity,
): pulumi.Output<string> | undefined =>
  rotations.adminKey > 1 ? keyring(admin, osdHost, crash) : undefined;
