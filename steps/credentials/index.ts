import type * as pulumi from "@pulumi/pulumi";
import type { RotationsPlan } from "../../config/plan";
import type { NodeFile, Step } from "../step";

/** Certificates, keys and kubeconfigs of a node are in place, each with its final owner and mode. */
export function credentials({
  files,
  bootstrap,
  rotations,
}: {
  readonly files: readonly NodeFile[];
  /** Kubeconfig with the node's bootstrap token. */
  readonly bootstrap: pulumi.Input<string>;
  readonly rotations: RotationsPlan;
}): Step {
  const { authorities } = rotations;
  return {
    script: "credentials",
    variables: authorities > 1 ? { AUTHORITIES: String(authorities) } : {},
    files: files.map((file) => ({ ...file, secret: true })),
    secrets: { bootstrap_kubeconfig: bootstrap },
  };
}
