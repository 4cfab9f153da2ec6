import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

/** By whom a kubelet's serving certificate is signed. */
export const serving = "kubernetes.io/kubelet-serving";
/** What `worker-01` asks to be certified as. */
export const own = {
  subject: "/O=system:nodes/CN=system:node:worker-01",
  names: "DNS:worker-01,IP:10.0.0.21",
};

export interface Asked {
  /** As `openssl req -subj` takes it. */
  readonly subject?: string;
  /** As a `subjectAltName`; empty for none. */
  readonly names?: string;
  readonly username?: string;
  readonly signerName?: string;
  /** Changes the request after it was signed. */
  readonly forge?: (der: Buffer) => Buffer;
  readonly conditions?: readonly unknown[];
}

/** A CertificateSigningRequest as the API server has it; by default that of `worker-01` for what it serves. */
export function signingRequest(
  name: string,
  {
    subject = own.subject,
    names = own.names,
    username = "system:node:worker-01",
    signerName = serving,
    forge = (der) => der,
    conditions,
  }: Asked = {},
) {
  const extension = names === "" ? [] : ["-addext", `subjectAltName=${names}`];
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null".split(" ");
  const { stdout, stderr, status } = spawnSync("openssl", [
    ...["req", "-new", ...key, "-subj", subject, "-outform", "DER"],
    ...extension,
  ]);
  assert.equal(status, 0, String(stderr));
  const lines =
    forge(stdout)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  const pem = [
    "-----BEGIN CERTIFICATE REQUEST-----",
    ...lines,
    "-----END CERTIFICATE REQUEST-----",
    "",
  ].join("\n");
  return {
    metadata: { name, resourceVersion: "1" },
    spec: { request: Buffer.from(pem).toString("base64"), signerName, username },
    status: conditions ? { conditions } : {},
  };
}
