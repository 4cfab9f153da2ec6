import type * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import type { clusterFile } from "../config/schema";

/** What a cluster file says, before defaults are filled in. */
type File = z.input<typeof clusterFile>;
type Settings = File["cluster"];
type Node = File["nodes"][number];
type Ssh = NonNullable<Settings["ssh"]>;
type Bastion = NonNullable<Ssh["bastion"]>;
type NodeSsh = NonNullable<Node["ssh"]>;

/** What a program gives in place of a file with a private key. */
interface PrivateKeyArgs {
  /** SSH private key without passphrase, PEM or OpenSSH; in place of `private_key_file`. Secret. */
  readonly private_key?: pulumi.Input<string>;
}

export interface BastionArgs extends Omit<Bastion, "host" | "port" | "host_key">, PrivateKeyArgs {
  readonly host: pulumi.Input<string>;
  readonly port?: pulumi.Input<number>;
  readonly host_key: pulumi.Input<string>;
}

/** What a program gives in place of a file with a password. */
interface SudoArgs {
  /** What sudo asks the user for; in place of `sudo_password_file`. Secret. */
  readonly sudo_password?: pulumi.Input<string>;
}

export interface SshArgs extends Omit<Ssh, "bastion">, PrivateKeyArgs, SudoArgs {
  readonly bastion?: BastionArgs;
}

export interface NodeSshArgs
  extends Omit<NodeSsh, "host" | "port" | "bastion">, PrivateKeyArgs, SudoArgs {
  readonly host?: pulumi.Input<string>;
  readonly port?: pulumi.Input<number>;
  readonly bastion?: BastionArgs;
}

export interface NodeArgs extends Omit<Node, "ip" | "host_key" | "ssh"> {
  /** IPv4 address of the node, at which the other nodes reach it. */
  readonly ip: pulumi.Input<string>;
  /** Public SSH host key of the node, as in its /etc/ssh/ssh_host_ed25519_key.pub; of all that are managed. */
  readonly host_key?: pulumi.Input<string>;
  readonly ssh?: NodeSshArgs;
}

/**
 * A cluster as a program describes it: the fields of a cluster file under the same names (docs/cluster-yaml.md). Those
 * that are inputs may come from other resources; everything else has to be known at preview.
 */
export interface ClusterArgs {
  /** Settings of the cluster as a whole. */
  readonly cluster: Omit<Settings, "ssh"> & { readonly ssh?: SshArgs };
  /** The machines. */
  readonly nodes: readonly NodeArgs[];
}
