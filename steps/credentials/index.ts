import type * as pulumi from "@pulumi/pulumi";
import type { NodeFile, Step } from "../step";

/** Certificates, keys and kubeconfigs of a node are in place, each with its final owner and mode. */
export function credentials({
  files,
  bootstrap,
}: {
  readonly files: readonly NodeFile[];
  /** Kubeconfig with the node's bootstrap token. */
  readonly bootstrap: pulumi.Input<string>;
}): Step<never> {
  return {
    script: "credentials",
    variables: {},
    files: files.map((file) => ({ ...file, secret: true })),
    secrets: { bootstrap_kubeconfig: bootstrap },
  };
}
