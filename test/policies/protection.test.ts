import { assertAllowed, assertRefused, judgedBy, type Sample } from "./harness";
import assert from "node:assert/strict";

const policy = "protected-roots";
const pki = (protect: boolean): Sample[] => [
  { type: "tls:index/privateKey:PrivateKey", name: "pki-ca-key", protect },
  {
    type: "tls:index/selfSignedCert:SelfSignedCert",
    name: "pki-ca-cert",
    after: ["pki-ca-key"],
    protect,
  },
  { type: "tls:index/privateKey:PrivateKey", name: "pki-sa", protect },
  { type: "random:index/randomBytes:RandomBytes", name: "pki-encryption", protect },
  { type: "random:index/randomUuid:RandomUuid", name: "cluster-id", protect },
  { type: "command:remote:Command", name: "etcd-genesis", protect },
];
const others: Sample[] = [
  { type: "tls:index/privateKey:PrivateKey", name: "pki-admin-key" },
  { type: "tls:index/certRequest:CertRequest", name: "pki-admin-csr", after: ["pki-admin-key"] },
  { type: "random:index/randomUuid:RandomUuid", name: "w1-identity" },
  { type: "command:remote:Command", name: "w1-claim" },
];

describe(`policy ${policy}`, () => {
  it("allows protected roots, and leaves that are not", () =>
    assertAllowed(policy, [...pki(true), ...others]));

  it("refuses an authority that is not protected", () =>
    assertRefused(
      policy,
      [...pki(true).slice(1), ...pki(false).slice(0, 1), ...others],
      [
        /^pki-ca-key: is not protected, and the cluster is lost with it;/,
        "run 'pulumi config set groundwork:protect true'",
      ],
    ));

  it("refuses an unprotected authority that follows another, which has a request as leaves have", () =>
    assertRefused(
      policy,
      [
        ...pki(true).slice(1),
        ...pki(false).slice(0, 1),
        { type: "tls:index/certRequest:CertRequest", name: "pki-ca-csr", after: ["pki-ca-key"] },
      ],
      [/^pki-ca-key: is not protected, and the cluster is lost with it;/],
    ));

  it("knows every root: authorities, lasting keys, identity, birth", async () => {
    const found = await judgedBy(policy, [...pki(false), ...others]);
    assert.deepEqual(found.map(({ message }) => message.split(":")[0]).sort(), [
      "cluster-id",
      "etcd-genesis",
      "pki-ca-cert",
      "pki-ca-key",
      "pki-encryption",
      "pki-sa",
    ]);
  });
});
