import type * as pulumi from "@pulumi/pulumi";
import type { RotationsPlan } from "../../config/plan";
import type { Step } from "../step";

/** Where a master has what the controller manager signs with, where its authorities have followed others. */
export const signingFolder = "/etc/kubernetes/pki/signing";

/** The node may be given certificates of the newest authorities, and may forget those that the file leaves out. */
export function authorities({
  authorities,
  oldestAuthorities,
}: RotationsPlan): Step<"AUTHORITIES" | "OLDEST"> {
  return {
    script: "authorities",
    variables: { AUTHORITIES: String(authorities), OLDEST: String(oldestAuthorities) },
  };
}

/** An authority that signs. */
interface Signer {
  readonly cert: pulumi.Output<string>;
  /** Secret. */
  readonly key: pulumi.Output<string>;
}

/** This master signs what kubelets ask for by the newest authorities. */
export function signing(
  rotations: RotationsPlan,
  signers: { readonly ca: Signer; readonly kubeletServingCa: Signer },
): Step<"AUTHORITIES" | "OLDEST"> {
  const files = Object.entries({
    ca: signers.ca,
    "kubelet-serving-ca": signers.kubeletServingCa,
  }).flatMap(([name, { cert, key }]) => [
    { path: `${signingFolder}/${name}.crt`, content: cert, secret: true },
    { path: `${signingFolder}/${name}.key`, content: key, secret: true },
  ]);
  return { ...authorities(rotations), script: "signing", files };
}
