import type { ClusterPlan } from "../../config/plan";
import type { EncryptionKey } from "../control-plane";
import { encryptionKeyOf } from "../control-plane/encryption";
import { afterRestore } from "../restore";
import type { Step } from "../step";

/** What an API server does with a new key: decrypts with it, then encrypts with it, too. */
export type EncryptionPhase = "accept" | "use";

/** The API server of one master has come to this phase of a key. Never goes back, and does nothing where there is no API server yet. */
export function encryptionKey(
  { number, secret }: EncryptionKey,
  phase: EncryptionPhase,
): Step<"ENCRYPTION_KEY" | "PHASE"> {
  return {
    script: "encryption-key",
    variables: { ENCRYPTION_KEY: String(number), PHASE: phase },
    secrets: { new_key: secret.apply((secret) => JSON.stringify(encryptionKeyOf(number, secret))) },
  };
}

/** Runs on a master when every API server encrypts with the newest key: all Secrets in etcd are encrypted with it. */
export function encryption(cluster: ClusterPlan): Step {
  return afterRestore(cluster, {
    script: "encryption",
    variables: {
      TARGET: "all nodes",
      ENCRYPTION_KEY: String(cluster.kubernetes.rotations.encryptionKey),
      MASTERS: cluster.masters.map(({ ip }) => ip).join(" "),
    },
    timeout: 3600,
  });
}
