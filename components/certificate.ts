import type * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { fill } from "../arguments/standIns";

/** The names @pulumi/tls really understands; its type declarations list others (camelCase) that it ignores. */
type AllowedUse =
  | "cert_signing"
  | "crl_signing"
  | "digital_signature"
  | "key_encipherment"
  | "server_auth"
  | "client_auth";

/** A certificate and its private key, PEM. */
export interface KeyPair {
  readonly cert: pulumi.Output<string>;
  /** Secret. */
  readonly key: pulumi.Output<string>;
}

export interface CertificateArgs {
  readonly authority: KeyPair;
  readonly commonName: string;
  readonly organization?: string;
  readonly uses: readonly ("server_auth" | "client_auth")[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

const hoursPerYear = 8760;

/** ECDSA P-256; the provider's default curve, P-224, is one Kubernetes does not take. */
function privateKey(name: string, opts: pulumi.CustomResourceOptions): tls.PrivateKey {
  return new tls.PrivateKey(`${name}-key`, { algorithm: "ECDSA", ecdsaCurve: "P256" }, opts);
}

/** A certificate authority of its own, valid for ten years. */
export function createAuthority(
  name: string,
  commonName: string,
  opts: pulumi.CustomResourceOptions,
): KeyPair {
  const key = privateKey(name, opts);
  const allowedUses: AllowedUse[] = [
    "cert_signing",
    "crl_signing",
    "digital_signature",
    "key_encipherment",
  ];
  const cert = new tls.SelfSignedCert(
    `${name}-cert`,
    {
      privateKeyPem: key.privateKeyPem,
      subject: { commonName },
      isCaCertificate: true,
      setSubjectKeyId: true,
      validityPeriodHours: 10 * hoursPerYear,
      allowedUses,
    },
    opts,
  );
  return { cert: cert.certPem, key: key.privateKeyPem };
}

/** A certificate signed by `authority`, valid for a year; an `up` within its last 60 days replaces it. */
export function issueCertificate(
  name: string,
  args: CertificateArgs,
  opts: pulumi.CustomResourceOptions,
): KeyPair {
  const key = privateKey(name, opts);
  const request = new tls.CertRequest(
    `${name}-csr`,
    {
      privateKeyPem: key.privateKeyPem,
      subject: {
        commonName: args.commonName,
        ...(args.organization === undefined ? {} : { organization: args.organization }),
      },
      ...(args.dnsNames ? { dnsNames: [...args.dnsNames] } : {}),
      ...(args.ipAddresses ? { ipAddresses: fill([...args.ipAddresses]) } : {}),
    },
    opts,
  );
  const allowedUses: AllowedUse[] = ["digital_signature", "key_encipherment", ...args.uses];
  const cert = new tls.LocallySignedCert(
    `${name}-cert`,
    {
      caCertPem: args.authority.cert,
      caPrivateKeyPem: args.authority.key,
      certRequestPem: request.certRequestPem,
      validityPeriodHours: hoursPerYear,
      earlyRenewalHours: 60 * 24,
      allowedUses,
    },
    opts,
  );
  return { cert: cert.certPem, key: key.privateKeyPem };
}
