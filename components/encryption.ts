import * as pulumi from "@pulumi/pulumi";
import { refusal } from "../config/issues";
import type { ClusterPlan } from "../config/plan";
import type { FormerCluster } from "../policies/facts";
import { encryption, encryptionKey, type EncryptionPhase } from "../steps/encryption";
import type { ClusterPki } from "./clusterPki";
import type { Credentials } from "./credentials";
import { namesOf, numbersOf } from "./former";

export interface EncryptionArgs {
  readonly cluster: ClusterPlan;
  readonly pki: ClusterPki;
  /** Those of the masters that are not lost. */
  readonly masters: readonly Credentials[];
}

/**
 * The key that Secrets are encrypted with in etcd is the one that the file counts. A former one goes from the masters with the next
 * change of their control planes, which wait for this.
 */
export class Encryption extends pulumi.ComponentResource {
  constructor(name: string, args: EncryptionArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Encryption", name, {}, opts);
    const { cluster, pki, masters } = args;
    const [first] = masters;
    const [newest] = pki.encryptionKeys;
    if (!first || !newest) throw new Error("there is no master, or no key");
    const each = (phase: EncryptionPhase) =>
      masters.map(({ machine, node }) =>
        machine.atHand(encryptionKey(newest, phase), `${name}-${node.name}-${phase}`),
      );
    const phases = [each("accept"), each("use")];
    const used = new pulumi.ResourceHook(`${name}-used`, async () => {
      // Nobody encrypts with it before everybody can decrypt what was encrypted with it.
      for (const phase of phases) await Promise.all(phase.map((comes) => comes()));
    });
    first.machine.run(
      encryption(cluster),
      "encryption",
      { parent: this, hooks: { beforeCreate: [used], beforeUpdate: [used] } },
      name,
    );
    if (cluster.etcd.restore)
      first.machine.run(
        encryption(cluster),
        "restored-encryption",
        { parent: this },
        `${name}-restored-encryption`,
      );
    this.registerOutputs();
  }
}

/** @throws ClusterConfigError where the file takes a key back. What no `up` ended with the masters themselves refuse. */
export function refuseFormerKey(former: FormerCluster, plan: ClusterPlan, whose: string): void {
  const { encryptionKey } = plan.kubernetes.rotations;
  const newest = Math.max(0, ...numbersOf(former, plan, "encryptionKey"));
  if (newest <= encryptionKey) return;
  const message =
    `${encryptionKey} is a former key, and Secrets are encrypted with key ${newest}: a key is not taken back; ` +
    `give ${newest}, or ${newest + 1} for another one`;
  throw refusal(whose, ["cluster", "kubernetes", "rotations", "encryption_key"], message);
}

/** Which key follows which, and what is done in which order; undefined: none does. */
export function encryptionInWords(former: FormerCluster, plan: ClusterPlan): string | undefined {
  const { encryptionKey } = plan.kubernetes.rotations;
  const masters = plan.masters.filter(({ name }) => namesOf(former).includes(name));
  const was = Math.min(...numbersOf(former, plan, "encryptionKey"));
  if (was >= encryptionKey) return undefined;
  const names = masters.map(({ name }) => name).join(", ");
  return [
    `Key of Secrets ${was} -> ${encryptionKey}, one line after the other, nothing is restarted for it:`,
    `  ${names}: API servers decrypt with key ${encryptionKey}, too`,
    `  ${names}: API servers encrypt with key ${encryptionKey}`,
    `  all Secrets in etcd encrypted with key ${encryptionKey}`,
    ...masters.map(({ name }) => `  ${name}: has no former key any more`),
  ].join("\n");
}
