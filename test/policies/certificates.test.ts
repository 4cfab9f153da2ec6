import { assertAllowed, assertRefused, type Sample, unknownValue } from "./harness";

const key = (props: Record<string, unknown>): Sample => ({
  type: "tls:index/privateKey:PrivateKey",
  name: "pki-admin-key",
  props,
});
const leaf = (props: Record<string, unknown>): Sample => ({
  type: "tls:index/locallySignedCert:LocallySignedCert",
  name: "pki-admin-cert",
  props,
});

describe("policy strong-keys", () => {
  const policy = "strong-keys";

  it("allows ECDSA from P-256, RSA from 2048 bits, Ed25519", async () => {
    await assertAllowed(policy, [
      key({ algorithm: "ECDSA", ecdsaCurve: "P256" }),
      key({ algorithm: "ECDSA", ecdsaCurve: "P384" }),
      key({ algorithm: "RSA" }),
      key({ algorithm: "RSA", rsaBits: 4096 }),
      key({ algorithm: "ED25519" }),
    ]);
  });

  it("refuses weaker ones, the provider's default curve too", async () => {
    await assertRefused(
      policy,
      [key({ algorithm: "ECDSA" })],
      [
        /^pki-admin-key: is an ECDSA key on curve P224;/,
        "use algorithm ECDSA with ecdsaCurve P256",
      ],
    );
    await assertRefused(
      policy,
      [key({ algorithm: "RSA", rsaBits: 1024 })],
      ["RSA key of 1024 bits"],
    );
    await assertRefused(policy, [key({ algorithm: unknownValue })], ["not known before 'up'"]);
  });
});

describe("policy short-lived-leaf-certificates", () => {
  const policy = "short-lived-leaf-certificates";

  it("allows a year, and ten for an authority", async () => {
    await assertAllowed(policy, [
      leaf({ validityPeriodHours: 8760 }),
      leaf({ validityPeriodHours: 398 * 24 }),
      {
        type: "tls:index/selfSignedCert:SelfSignedCert",
        name: "pki-ca-cert",
        props: { isCaCertificate: true, validityPeriodHours: 87600 },
      },
    ]);
  });

  it("refuses longer ones", async () => {
    await assertRefused(
      policy,
      [leaf({ validityPeriodHours: 9576 })],
      [
        /^pki-admin-cert: lives 399 days, and 398 days are allowed;/,
        "set validityPeriodHours to 9552 or less",
      ],
    );
    await assertRefused(policy, [leaf({})], ["for a time that is not said"]);
    await assertRefused(policy, [leaf({ validityPeriodHours: unknownValue })], ["is not said"]);
  });

  it("takes the limit an operator configures", () =>
    assertRefused(policy, [leaf({ validityPeriodHours: 8760 })], ["90 days"], { maximumDays: 90 }));
});

describe("policy certificate-expiry", () => {
  const policy = "certificate-expiry";
  const ending = (days: number) =>
    leaf({ validityEndTime: new Date(Date.now() + days * 86_400_000).toISOString() });

  it("is silent about a certificate that has time, or is made by this update", () =>
    assertAllowed(policy, [ending(31), leaf({ validityEndTime: unknownValue }), leaf({})]));

  it("reports one that ends soon, or has ended", async () => {
    await assertRefused(
      policy,
      [ending(29)],
      [/^pki-admin-cert: ends at \d{4}-.*; run 'pulumi up'/],
    );
    await assertRefused(policy, [ending(-1)], [/^pki-admin-cert: ended at /]);
  });

  it("warns as early as an operator wants", () =>
    assertRefused(policy, [ending(80)], ["ends at"], { warnDays: 90 }));
});
