import * as pulumi from "@pulumi/pulumi";
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

/** Who issues certificates, and whom those trust who are to believe them. */
export interface Authority extends KeyPair {
  /** Certificates of all that are trusted, the issuer's first. */
  readonly trusted: pulumi.Output<string>;
  /** The issuer, certified by those before it that are still trusted: who trusts one of these alone believes the issuer, too. */
  readonly certifiedBy?: pulumi.Output<string>;
}

export interface CertificateArgs {
  readonly authority: KeyPair & Pick<Authority, "certifiedBy">;
  readonly commonName: string;
  readonly organization?: string;
  readonly uses: readonly ("server_auth" | "client_auth")[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

const hoursPerYear = 8760;
const authorityUses: AllowedUse[] = [
  "cert_signing",
  "crl_signing",
  "digital_signature",
  "key_encipherment",
];

/** ECDSA P-256; the provider's default curve, P-224, is one Kubernetes does not take. */
function privateKey(name: string, opts: pulumi.CustomResourceOptions): tls.PrivateKey {
  return new tls.PrivateKey(`${name}-key`, { algorithm: "ECDSA", ecdsaCurve: "P256" }, opts);
}

/** A certificate authority of its own, valid for ten years. */
function createAuthority(
  name: string,
  commonName: string,
  opts: pulumi.CustomResourceOptions,
): KeyPair {
  const key = privateKey(name, opts);
  const cert = new tls.SelfSignedCert(
    `${name}-cert`,
    {
      privateKeyPem: key.privateKeyPem,
      subject: { commonName },
      isCaCertificate: true,
      setSubjectKeyId: true,
      validityPeriodHours: 10 * hoursPerYear,
      allowedUses: authorityUses,
    },
    opts,
  );
  return { cert: cert.certPem, key: key.privateKeyPem };
}

/**
 * The first authority of a name and those that followed it. Each is certified by the one before, too, and every certificate
 * comes with that: whoever trusts but the former one believes who has a new certificate, and nobody has to wait for anybody.
 *
 * @param newest how many there are; the last one issues
 * @param oldest number of the first that is trusted
 */
export function createAuthorities(
  name: string,
  commonName: string,
  { newest, oldest }: { readonly newest: number; readonly oldest: number },
  opts: pulumi.CustomResourceOptions,
): Authority {
  const numbered = (what: string, n: number) => (n === 1 ? what : `${what}-${n}`);
  const first = createAuthority(name, commonName, opts);
  const all = [first];
  for (let n = 2; n <= newest; n++)
    all.unshift(createAuthority(numbered(name, n), numbered(commonName, n), opts));
  const trusted = all.slice(0, newest - oldest + 1);
  const [issuer = first] = trusted;
  // What comes again is not protected.
  const child = { ...opts, protect: false };
  const certified = trusted.slice(0, -1).flatMap((authority, i) => {
    const former = trusted[i + 1];
    const n = newest - i;
    if (!former) return [];
    const subject = { commonName: numbered(commonName, n) };
    return [certify(numbered(name, n), authority, subject, former, child)];
  });
  const together = (certs: pulumi.Output<string>[]) =>
    pulumi.all(certs).apply((texts) => texts.join(""));
  return {
    ...issuer,
    trusted: trusted.length === 1 ? issuer.cert : together(trusted.map(({ cert }) => cert)),
    ...(certified.length > 0 && { certifiedBy: together(certified) }),
  };
}

/** Certificate of an authority's key by the one before. */
function certify(
  name: string,
  { key }: KeyPair,
  subject: { readonly commonName: string },
  former: KeyPair,
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const { certRequestPem } = new tls.CertRequest(
    `${name}-csr`,
    { privateKeyPem: key, subject },
    opts,
  );
  return new tls.LocallySignedCert(
    `${name}-by-former-cert`,
    {
      caCertPem: former.cert,
      caPrivateKeyPem: former.key,
      certRequestPem,
      isCaCertificate: true,
      setSubjectKeyId: true,
      validityPeriodHours: 10 * hoursPerYear,
      allowedUses: authorityUses,
    },
    opts,
  ).certPem;
}

/**
 * A certificate signed by `authority`, valid for a year; an `up` within its last 60 days replaces it. Behind it stands who vouches for
 * the authority.
 */
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
  const { certifiedBy } = args.authority;
  const { certPem } = cert;
  return {
    cert: certifiedBy ? pulumi.interpolate`${certPem}${certifiedBy}` : certPem,
    key: key.privateKeyPem,
  };
}
