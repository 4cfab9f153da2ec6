// The library describes its classes with decorators, and expects this to be there first.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import type { Created } from "../shared/resource";
import { type Properties, textOf } from "../shared/values";
import { issue } from "./issue";
import { parsePrivateKey, pemOf } from "./keys";
import { distinguishedName } from "./subject";
import { alternativeNames, derOf, signerOf, toPem } from "./x509";

/** Outputs of a certificate request. */
export async function signRequest(inputs: Properties): Promise<Properties> {
  const parsed = parsePrivateKey(inputs.privateKeyPem, "privateKeyPem");
  const { keys, algorithm } = await signerOf(parsed);
  const names = alternativeNames(inputs);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: distinguishedName(inputs.subject),
    extensions: names ? [names] : [],
    signingAlgorithm: algorithm,
    keys,
  });
  return { ...inputs, certRequestPem: toPem(request), keyAlgorithm: parsed.algorithm };
}

export async function selfSign(inputs: Properties): Promise<Created> {
  const parsed = parsePrivateKey(inputs.privateKeyPem, "privateKeyPem");
  const subject = distinguishedName(inputs.subject);
  if (inputs.isCaCertificate === true && subject.length === 0) {
    throw new Error("'subject' must hold at least one name: the certificate is an authority's");
  }
  const { id, outputs } = await issue({
    inputs,
    subject: new x509.Name(subject),
    publicKey: new x509.PublicKey(derOf(pemOf(parsed.publicKey, "spki"))),
    alternativeNames: alternativeNames(inputs),
    signer: await signerOf(parsed),
  });
  return { id, outputs: { ...outputs, keyAlgorithm: parsed.algorithm } };
}

/** Subject and names come from the request, everything else from the inputs. */
export async function signWithAuthority(inputs: Properties): Promise<Created> {
  const parsed = parsePrivateKey(inputs.caPrivateKeyPem, "caPrivateKeyPem");
  const authority = parse("caCertPem", (pem) => new x509.X509Certificate(pem));
  const request = parse("certRequestPem", (pem) => new x509.Pkcs10CertificateRequest(pem));
  const { id, outputs } = await issue({
    inputs,
    authority,
    subject: request.subjectName,
    publicKey: request.publicKey,
    alternativeNames: request.extensions.find(({ type }) => type === subjectAlternativeName),
    signer: await signerOf(parsed),
  });
  return { id, outputs: { ...outputs, caKeyAlgorithm: parsed.algorithm } };

  function parse<T>(name: string, read: (pem: string) => T): T {
    try {
      return read(textOf(inputs[name]));
    } catch (error) {
      throw new Error(`'${name}' cannot be read: ${(error as Error).message}`);
    }
  }
}

const subjectAlternativeName = "2.5.29.17";
