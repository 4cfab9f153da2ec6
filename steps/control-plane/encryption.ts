/** A key that Secrets are encrypted with in etcd, as the API server reads it: its name is part of everything that is encrypted with it. */
export const encryptionKeyOf = (number: number, secret: string) => ({
  name: `key${number}`,
  secret,
});

/**
 * EncryptionConfiguration of the API server: Secrets are encrypted at rest. What was written before there was a key stays readable.
 *
 * @param keys that it can decrypt with; it encrypts with the first
 */
export function encryptionConfiguration(
  keys: readonly ReturnType<typeof encryptionKeyOf>[],
): string {
  return JSON.stringify({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    resources: [{ resources: ["secrets"], providers: [{ secretbox: { keys } }, { identity: {} }] }],
  });
}
