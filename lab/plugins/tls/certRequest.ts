import { createHash } from "crypto";
import type { Resource } from "../shared/resource";
import { textOf } from "../shared/values";

/** `tls.CertRequest`. Any changed input makes a new one. */
export const certRequest: Resource = {
  computed: ["certRequestPem", "keyAlgorithm"],
  secrets: ["privateKeyPem"],

  async create(inputs) {
    const { signRequest } = await import("./signing");
    const outputs = await signRequest(inputs);
    const id = createHash("sha1").update(textOf(outputs.certRequestPem)).digest("hex");
    return { id, outputs };
  },
};
