import * as x509 from "@peculiar/x509";
import { randomBytes } from "crypto";
import type { Properties } from "../shared/values";
import { type Signer, toPem, usageExtensions } from "./x509";

const hour = 3600_000;

export interface Issue {
  /** Inputs of the resource: validity, uses, and what else the certificate says of itself. */
  readonly inputs: Properties;
  readonly subject: x509.Name;
  readonly publicKey: x509.PublicKey;
  readonly alternativeNames: x509.Extension | undefined;
  readonly signer: Signer;
  /** Undefined: the certificate is its own. */
  readonly authority?: x509.X509Certificate;
}

/** Makes a certificate; answers the outputs that both kinds have in common. */
export async function issue(issue: Issue): Promise<{ id: string; outputs: Properties }> {
  const { inputs, authority, signer } = issue;
  const start = new Date();
  const end = new Date(start.getTime() + Number(inputs.validityPeriodHours) * hour);
  const serial = randomBytes(16);
  // Serial numbers are positive and not zero.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x01;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial.toString("hex"),
    subject: issue.subject.toJSON(),
    issuer: (authority?.subjectName ?? issue.subject).toJSON(),
    notBefore: wholeSecond(start),
    notAfter: wholeSecond(end),
    publicKey: issue.publicKey,
    signingKey: signer.keys.privateKey,
    signingAlgorithm: signer.algorithm,
    extensions: [
      ...usageExtensions((inputs.allowedUses as string[] | undefined) ?? []),
      basicConstraints(inputs),
      ...(await keyIdentifiers(issue)),
      ...(issue.alternativeNames ? [issue.alternativeNames] : []),
    ],
  });
  return {
    id: BigInt(`0x${serial.toString("hex")}`).toString(),
    outputs: {
      ...inputs,
      certPem: toPem(certificate),
      readyForRenewal: false,
      // More exact than the certificate, as upstream has them.
      validityStartTime: start.toISOString(),
      validityEndTime: end.toISOString(),
    },
  };
}

/** Upstream cannot express a path length of 0, and leaves it out. */
function basicConstraints({ isCaCertificate, maxPathLength }: Properties): x509.Extension {
  const length =
    isCaCertificate === true && Number(maxPathLength) > 0 ? Number(maxPathLength) : undefined;
  return new x509.BasicConstraintsExtension(isCaCertificate === true, length, true);
}

async function keyIdentifiers({ inputs, publicKey, authority }: Issue): Promise<x509.Extension[]> {
  const own = await x509.SubjectKeyIdentifierExtension.create(publicKey);
  const has = inputs.isCaCertificate === true || inputs.setSubjectKeyId === true;
  const issuers = authority
    ? authority.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId
    : inputs.setAuthorityKeyId === true
      ? own.keyId
      : undefined;
  return [
    ...(has ? [own] : []),
    ...(issuers === undefined ? [] : [new x509.AuthorityKeyIdentifierExtension(issuers)]),
  ];
}

function wholeSecond(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}
