import * as pulumi from "@pulumi/pulumi";
import type { RestorePlan } from "../config/etcd";
import type { ClusterPlan } from "../config/plan";
import { restore, restoreCheck, restoreHalt, restoreSettle } from "../steps/restore";
import type { Credentials } from "./credentials";
import type { EtcdCluster } from "./etcdCluster";

export interface EtcdRestoreArgs {
  readonly cluster: ClusterPlan;
  readonly restore: RestorePlan;
  /** Those of the masters that are not lost. */
  readonly masters: readonly Credentials[];
  readonly etcd: EtcdCluster;
}

/**
 * The way back to a snapshot of etcd, once for each number (`epoch`): resources of another number are others, and inputs of
 * one that was done are ignored, so that a machine that is replaced later never gets the old snapshot again.
 *
 * Where the restore leaves the file before it was done, what it stopped runs again.
 */
export class EtcdRestore extends pulumi.ComponentResource {
  constructor(name: string, args: EtcdRestoreArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:EtcdRestore", name, {}, opts);
    const { cluster, restore: plan, masters, etcd } = args;
    const [first] = masters;
    const on = masters.find(({ node }) => node.name === plan.on.name);
    if (!first || !on) throw new Error(`${plan.on.name} is no master that lives`);
    const { source } = plan;
    const called = (what: string) => `${name}-${plan.epoch}${what}`;
    const once = { parent: this, ignoreChanges: ["connection", "create", "stdin"] };

    const brings =
      source === undefined
        ? []
        : [
            new pulumi.ResourceHook(called("-read"), async () => void (await readNow(source)), {
              onDryRun: true,
            }),
            new pulumi.ResourceHook(called("-brings"), async () => {
              const { upload } = await import("../ssh/upload");
              const content = await readNow(source);
              await on.machine.overWire(called("-check"), (wire) =>
                upload(wire, content, plan.path),
              );
            }),
          ];
    on.machine.run(
      restoreCheck(cluster, plan),
      "restore-check",
      { ...once, hooks: { beforeCreate: brings } },
      called("-check"),
    );
    for (const { machine, node } of masters) {
      machine.run(
        restoreHalt(cluster, plan),
        `${node.name}/restore-halt`,
        { parent: this, deletedWith: etcd.genesis },
        `${name}-${node.name}-halt`,
      );
    }
    const reads = on.reads(["etcd"]);
    on.machine.run(restore({ cluster, node: on.node, reads }, plan), "restore", once, called(""));
    first.machine.run(restoreSettle(cluster), "restore-settle", once, called("-settle"));
    this.registerOutputs();
  }
}

/** At a preview, too: a snapshot that is not whole is refused before any machine is asked. */
async function readNow(source: string): Promise<Buffer> {
  const { readSnapshot } = await import("../config/snapshotFile");
  return readSnapshot(source);
}
