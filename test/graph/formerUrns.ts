import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What the release registered before the cluster was a component, for the sample cluster `lost`: `types::name`. */
export const formerUrns = readFileSync(join(__dirname, "formerUrns.txt"), "utf8")
  .trim()
  .split("\n");

/** What a later release takes away on purpose. */
const gone: readonly RegExp[] = [
  // Kubernetes approved by it whatever a node asked for its own name.
  /::addons-kubeadm-node-autoapprove-certificate-rotation$/,
  // By which every node was the same user to the API: flanneld asks as its node.
  /::pki-flannel-(key|csr|cert)$/,
];

/** Whether a later release takes the resource of this URN away on purpose. */
export const isGone = (urn: string) => gone.some((pattern) => pattern.test(urn));
