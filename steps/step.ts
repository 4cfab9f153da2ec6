import type * as pulumi from "@pulumi/pulumi";

/** A file a step puts on a node: whole, with its final mode and owner. */
export interface NodeFile {
  readonly path: string;
  /** Octal mode as four digits; default `0600`. */
  readonly mode?: string;
  /** `user:group`; default `root:root`. */
  readonly owner?: string;
  /** Its text; or `part`. */
  readonly content?: pulumi.Input<string>;
  /** Name of a file beside a step's script, which it is a copy of without comments: `flannel-cni`. */
  readonly part?: string;
  /** Whether the content travels apart: a preview shows a digest of it; default false. */
  readonly secret?: boolean;
  /** Whether a release has the same text for all machines, which travels as scripts do; default false. */
  readonly constant?: boolean;
}

/**
 * What is done to a machine, as a value: nothing of it happens here. A function of the plan makes one for each step,
 * beside the step's scripts, and a component has it run.
 */
export interface Step<Variable extends string = string> {
  /** Name of the script that makes it true, which is the step's own: `kubelet` is `steps/kubelet/kubelet.sh`. */
  readonly script: string;
  /** Names of libraries that it runs with beside those that it sources: `flannel-lib.sh`; default: none. */
  readonly libraries?: readonly string[];
  /** Name of the script that undoes it; default: nothing to undo. */
  readonly undo?: string;
  /** Shell variables of the scripts, beside those that every step has. A preview shows them. */
  readonly variables: Readonly<Record<Variable, pulumi.Input<string>>>;
  /** What `install_files` puts in place, in this order; default: nothing. */
  readonly files?: readonly NodeFile[];
  /** Texts that shell functions of these names print. A preview shows them. */
  readonly texts?: Readonly<Record<string, pulumi.Input<string>>>;
  /** The same for texts that travel apart: a preview shows a digest of each. */
  readonly secrets?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Seconds after which it is ended on the machine; default 600. */
  readonly timeout?: number;
  /** Whether what it prints is for the program to read; default: it is kept secret. */
  readonly publicOutput?: boolean;
  /** Whether the machine may not be the cluster's yet: then its scripts are kept in memory there; default false. */
  readonly onForeignMachine?: boolean;
}
