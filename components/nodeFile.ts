import * as pulumi from "@pulumi/pulumi";
import type { NodeFile } from "../steps/program";

/** A file whose content resources produce; what is made of a key is as secret as the key. */
export function file(
  path: string,
  content: pulumi.Input<string>,
  owner?: string,
  mode?: string,
): pulumi.Output<NodeFile> {
  return pulumi.output(content).apply((content) => ({ path, content, mode, owner }));
}
