import type { Package } from "../shared/provider";
import type { Resource } from "../shared/resource";
import { certRequest } from "./certRequest";
import { locallySignedCert, selfSignedCert } from "./certificates";
import { privateKey } from "./privateKey";
import { publicKeyOutputs } from "./publicKey";

const resources: Readonly<Record<string, Resource>> = {
  "tls:index/privateKey:PrivateKey": privateKey,
  "tls:index/certRequest:CertRequest": certRequest,
  "tls:index/selfSignedCert:SelfSignedCert": selfSignedCert,
  "tls:index/locallySignedCert:LocallySignedCert": locallySignedCert,
};

export const tlsPackage: Omit<Package, "version"> = {
  name: "tls",
  resource: (type) => resources[type],
  invoke: (token, { privateKeyPem }) =>
    token === "tls:index/getPublicKey:getPublicKey" && typeof privateKeyPem === "string"
      ? publicKeyOutputs(privateKeyPem)
      : undefined,
};
