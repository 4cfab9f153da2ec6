import { hostKeyProblem, normalizeHostKey } from "./hostKey";
import { SshConfig, SshConfigError } from "./sshConfig";

/** What the file says of the way to a machine. */
export interface HopFields {
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly private_key_file?: string;
  readonly sudo_password_file?: string;
  readonly bastion?: HopFields & { readonly host_key?: string };
}

export interface ClusterHop extends HopFields {
  readonly agent?: boolean;
  readonly config_file?: string;
}

interface Hop {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** File with the private key; absent: the agent is asked. */
  readonly keyFile?: string;
}

/** The way to a node, with defaults and what an ssh_config has filled in. */
export interface Way extends Hop {
  readonly sudoPasswordFile?: string;
  readonly bastion?: Hop & { readonly hostKey: string };
}

/** A way that there is not, because of what `config_file` says: the end of a sentence, with the remedy. */
export class WayError extends Error {}

/** Of all nodes of a file. */
export class Ways {
  private readonly config: SshConfig | undefined;

  /** @throws WayError when its `config_file` cannot be read */
  constructor(
    private readonly common: ClusterHop,
    baseDir: string,
  ) {
    const { config_file } = common;
    this.config = this.looked(() =>
      config_file === undefined ? undefined : new SshConfig(config_file, baseDir),
    );
  }

  /**
   * The way to a node.
   * @throws WayError
   */
  to(node: { readonly name?: string; readonly ip: string; readonly ssh?: HopFields }): Way {
    const { common } = this;
    const { ssh = {} } = node;
    const alias = ssh.host ?? this.aliasOf(node);
    const known = this.known(alias);
    const user = ssh.user ?? common.user ?? known?.user ?? "root";
    const keyFile = ssh.private_key_file ?? common.private_key_file ?? this.identity(known);
    const sudoPasswordFile = ssh.sudo_password_file ?? common.sudo_password_file;
    const bastion = this.bastion(ssh.bastion ?? common.bastion, known?.jumps ?? [], user, keyFile);
    return {
      host: known?.hostname ?? ssh.host ?? node.ip,
      port: ssh.port ?? common.port ?? known?.port ?? 22,
      user,
      ...(keyFile !== undefined && { keyFile }),
      ...(sudoPasswordFile !== undefined && user !== "root" && { sudoPasswordFile }),
      ...(bastion && { bastion }),
    };
  }

  /** By what an ssh_config knows a node of which the file does not say. */
  private aliasOf({ name, ip }: { readonly name?: string; readonly ip: string }): string {
    return name !== undefined && this.known(name)?.named ? name : ip;
  }

  private bastion(
    written: HopFields["bastion"],
    jumps: readonly string[],
    user: string,
    keyFile: string | undefined,
  ): Way["bastion"] {
    const { common } = this;
    if (written?.host !== undefined && written.host_key !== undefined) {
      const known = this.known(written.host);
      this.refuseTwo([...(known?.jumps ?? []), written.host]);
      const key =
        written.private_key_file ?? this.identity(known) ?? common.private_key_file ?? keyFile;
      return {
        host: known?.hostname ?? written.host,
        port: written.port ?? known?.port ?? 22,
        user: written.user ?? known?.user ?? common.user ?? user,
        hostKey: written.host_key,
        ...(key !== undefined && { keyFile: key }),
      };
    }
    const [jump] = jumps;
    if (jump === undefined) return undefined;
    this.refuseTwo(jumps);
    const [, asUser, alias = "", port] =
      /^(?:ssh:\/\/)?(?:(.*)@)?(.*?)(?::(\d+))?\/?$/.exec(jump) ?? [];
    const known = this.known(alias);
    this.refuseTwo([...(known?.jumps ?? []), alias]);
    const problem = hostKeyProblem(known?.knownHosts ?? "");
    if (problem !== undefined)
      throw new WayError(
        `has a ProxyJump to ${alias}, and its known_hosts no key of it that can be pinned; ` +
          `log in once by 'ssh ${alias}' and compare the key, or give ssh.bastion with host_key`,
      );
    const key = this.identity(known) ?? common.private_key_file ?? keyFile;
    return {
      host: known?.hostname ?? alias,
      port: port === undefined ? (known?.port ?? 22) : Number(port),
      user: asUser ?? known?.user ?? common.user ?? user,
      hostKey: normalizeHostKey(known?.knownHosts ?? ""),
      ...(key !== undefined && { keyFile: key }),
    };
  }

  private refuseTwo(hosts: readonly string[]): void {
    const [first, second] = hosts;
    if (first === undefined || second === undefined) return;
    throw new WayError(
      `leads through ${hosts.join(" and ")} in a row, and a step's SSH client goes through one jump host; ` +
        `open 'ssh -N -L 127.0.0.1:2222:${second}:22 ${first}', and give ssh.bastion with host: localhost, port: 2222 and ${second}'s host_key`,
    );
  }

  private identity(known: { readonly identityFile?: string } | undefined): string | undefined {
    return this.common.agent ? undefined : known?.identityFile;
  }

  private known(alias: string) {
    return this.looked(() => this.config?.settings(alias));
  }

  private looked<T>(look: () => T): T {
    try {
      return look();
    } catch (error) {
      throw error instanceof SshConfigError ? new WayError(error.message) : error;
    }
  }
}
