import type { ResourceValidationPolicy, StackValidationPolicy } from "@pulumi/policy";
import { known, ofType, unknown, validateType } from "../judge";
import { settings } from "../settings";

interface KeyProps {
  readonly algorithm: string;
  readonly ecdsaCurve: string;
  readonly rsaBits: number;
}

const strongKeys: ResourceValidationPolicy = {
  name: "strong-keys",
  description: "Keys are ECDSA P-256, RSA 2048 or stronger.",
  enforcementLevel: "mandatory",
  validateResource: validateType<KeyProps>(
    "tls:index/privateKey:PrivateKey",
    (key, report, args) => {
      const weakness = known(() => weaknessOf(key));
      if (weakness === undefined) return;
      report(
        `${args.name}: ${weakness === unknown ? "its algorithm is not known before 'up'" : weakness}; use algorithm ECDSA with ecdsaCurve P256, or RSA with rsaBits 2048`,
      );
    },
  ),
};

/** The provider's defaults are part of the judgement: P224, and 2048 bits. */
function weaknessOf({ algorithm, ecdsaCurve = "P224", rsaBits = 2048 }: Partial<KeyProps>) {
  switch (algorithm) {
    case "ECDSA":
      return ecdsaCurve === "P224" ? "is an ECDSA key on curve P224" : undefined;
    case "RSA":
      return rsaBits < 2048 ? `is an RSA key of ${rsaBits} bits` : undefined;
    case "ED25519":
      return undefined;
    default:
      return `is a key of algorithm ${algorithm}`;
  }
}

interface CertificateProps {
  readonly isCaCertificate: boolean;
  readonly validityPeriodHours: number;
}

const lifetime = settings<{ maximumDays: number }>({
  maximumDays: { default: 398, description: "Longest lifetime of a leaf certificate, in days." },
});

const shortLeaves: ResourceValidationPolicy = {
  name: "short-lived-leaf-certificates",
  description: "Certificates that are no authority's live 398 days at most.",
  enforcementLevel: "mandatory",
  configSchema: lifetime.schema,
  validateResource: validateType<CertificateProps>("tls:index/*", (certificate, report, args) => {
    if (!isCertificate(args) || certificate.isCaCertificate) return;
    const { maximumDays } = lifetime.of(args);
    const hours = known(() => certificate.validityPeriodHours ?? unknown);
    if (hours !== unknown && hours <= maximumDays * 24) return;
    const life =
      hours === unknown ? "for a time that is not said" : `${Math.round(hours / 24)} days`;
    report(
      `${args.name}: lives ${life}, and ${maximumDays} days are allowed; set validityPeriodHours to ${maximumDays * 24} or less`,
    );
  }),
};

const expiry = settings<{ warnDays: number }>({
  warnDays: { default: 30, description: "How many days before its end a certificate is reported." },
});

const nearExpiry: StackValidationPolicy = {
  name: "certificate-expiry",
  description: "A certificate that ends within 30 days is reported.",
  enforcementLevel: "advisory",
  configSchema: expiry.schema,
  validateStack: (args, report) => {
    const { warnDays } = expiry.of(args);
    for (const { name, urn, props } of ofType(args, "tls:index/*").filter(isCertificate)) {
      const end = known(() => props.validityEndTime as string | undefined);
      // A certificate that this update makes has no end yet.
      if (end === unknown || end === undefined) continue;
      const days = (Date.parse(end) - Date.now()) / 86_400_000;
      if (days >= warnDays) continue;
      report(
        `${name}: ${days < 0 ? "ended" : "ends"} at ${end}; run 'pulumi up', which replaces a leaf in its last 60 days; an authority is followed by another where cluster.kubernetes.rotations.authorities is raised`,
        urn,
      );
    }
  },
};

function isCertificate({ type }: { readonly type: string }): boolean {
  return /:(LocallySigned|SelfSigned)Cert$/.test(type);
}

export const certificates = [strongKeys, shortLeaves, nearExpiry];
