import { Client, type ConnectConfig } from "ssh2";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { algorithms } from "../config/hostKey";
import type { SshTarget } from "../config/plan";

/** When a machine is given up. */
export interface Patience {
  /** Seconds until it takes a connection. */
  readonly connect: number;
  /** Seconds until it has let us in. */
  readonly ready: number;
  /** How often it is tried, where another try may help. */
  readonly attempts: number;
}

export type Hop = Omit<SshTarget, "bastion">;

/** It is not the machine that does not let us in, but the bastion before it. */
export class BastionError extends Error {}

/** The machine took the connection, and then did not let us in in time. */
export const stalled = "Timed out while waiting for handshake";

/** Opens SSH connections as the program does: pinned host keys, the file's users, keys, agent and bastion. */
export class Dialer {
  private readonly bastions = new Map<string, Promise<Client>>();
  private readonly open: Client[] = [];

  /**
   * @param options.background whether a program may end while its connections are open; default: it may not
   * @param options.meets judges the key that a machine shows, in place of the target's: before there is a file to pin it
   */
  constructor(
    readonly patience: Patience,
    private readonly options: {
      readonly background?: boolean;
      readonly meets?: (hop: Hop, hostKey: string) => boolean;
    } = {},
  ) {}

  /**
   * An authenticated connection.
   * @throws Error with the SSH client's words
   */
  async dial(target: SshTarget): Promise<Client> {
    const { bastion } = target;
    if (bastion === undefined) return this.connect(target);
    // All nodes share one connection to a bastion: its sshd bounds how many may log in at once.
    const key = JSON.stringify(bastion);
    const through = await this.shared(bastion, key).catch((error: Error) => {
      throw new BastionError(`bastion ${bastion.host}: ${error.message}`);
    });
    return this.connect(target, await forward(through, target, this.patience.connect));
  }

  /** A connection to a bastion, for as long as it holds. */
  private shared(bastion: Hop, key: string): Promise<Client> {
    const known = this.bastions.get(key);
    if (known) return known;
    const shared = this.connect(bastion);
    const forget = () => void this.bastions.delete(key);
    shared.then((client) => client.once("close", forget), forget);
    this.bastions.set(key, shared);
    return shared;
  }

  private socket({ host, port }: Hop): Socket {
    const socket = connect({ host, port });
    // Of one that is quiet for long, a router between forgets without a word.
    socket.setKeepAlive(true, 15_000);
    // Small packets, each of which is waited for.
    socket.setNoDelay(true);
    return this.options.background ? socket.unref() : socket;
  }

  close(): void {
    for (const client of this.open) client.destroy();
  }

  private async connect(hop: Hop, sock?: Duplex): Promise<Client> {
    const { meets } = this.options;
    const [type = "", blob = ""] = hop.hostKey.split(" ");
    const client = new Client();
    this.open.push(client);
    let mismatch = false;
    const far = setTimeout(
      () => client.emit("error", new Error("connect ETIMEDOUT")),
      this.patience.connect * 1000,
    );
    client.once("connect", () => clearTimeout(far));
    const ready = new Promise<void>((resolve) => client.once("ready", () => resolve()));
    const failed = new Promise<never>((_, reject) => {
      client
        // An agent that does not answer is not the end: there may be a key.
        .on("error", (error) => error.level !== "agent" && reject(mismatch ? keyMismatch : error))
        .once("close", () => reject(new Error("the connection was closed")));
    });
    const socket = sock ?? this.socket(hop);
    try {
      client.connect({
        sock: socket,
        username: hop.user,
        ...credentials(hop),
        readyTimeout: this.patience.ready * 1000,
        // The server must show its key of this type, though it may have others.
        algorithms: { serverHostKey: (meets ? algorithms : [type]) as "ssh-ed25519"[] },
        hostVerifier: (key: Buffer) => {
          mismatch = meets ? !meets(hop, lineOf(key)) : !key.equals(Buffer.from(blob, "base64"));
          return !mismatch;
        },
      });
      await Promise.race([ready, failed]);
      return client;
    } catch (error) {
      client.destroy();
      // Which the client has not taken over when it cannot read the key.
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(far);
    }
  }
}

const keyMismatch = new Error("host key mismatch");

/** A public key as it stands in a file: behind the name of its algorithm, with which its bytes begin. */
const lineOf = (key: Buffer) =>
  `${key.subarray(4, 4 + key.readUInt32BE(0)).toString()} ${key.toString("base64")}`;

/** The command package, too, asks the agent beside the key. */
function credentials({ privateKey }: Hop): ConnectConfig {
  return { privateKey, agent: process.env.SSH_AUTH_SOCK };
}

function forward(through: Client, { host, port }: Hop, seconds: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error("the bastion does not reach it")),
      seconds * 1000,
    );
    through.forwardOut("127.0.0.1", 0, host, port, (error, channel) => {
      clearTimeout(late);
      if (error) reject(error);
      else resolve(channel);
    });
  });
}
