import { Client, type ConnectConfig } from "ssh2";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { algorithms } from "../config/hostKey";
import type { SshTarget } from "../config/plan";
import type { Trouble } from "./remedies";

/** When a machine is given up. */
export interface Patience {
  /** Seconds until it takes a connection. */
  readonly connect: number;
  /** Seconds until it has let us in. */
  readonly ready: number;
  /** How often it is tried, where another try may help. */
  readonly attempts: number;
}

export type Hop = Omit<SshTarget, "bastion" | "sudoPassword">;

/** A machine, or the bastion before it, that did not let us in. Its message is in the SSH client's words. */
export class DialError extends Error {
  /** @param trouble what is wrong; undefined: nothing that is known */
  constructor(
    message: string,
    readonly trouble: Trouble | undefined,
    readonly atBastion = false,
  ) {
    super(message);
  }
}

/** What another try does not mend, or makes worse: servers count failed logins. */
const lasting: readonly (Trouble | undefined)[] = [
  "stranger",
  "refused",
  "keys",
  "agent",
  "forwarding",
  "name",
  "hangs",
  "kex",
  "cipher",
  "mac",
  "keyType",
  "factor",
];

/** Milliseconds for which a bastion that failed is not dialled again: what one node learnt holds for all behind it. */
const memory = 60_000;

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
   * An authenticated connection. What another try may mend is tried as often as the patience says.
   * @throws DialError
   */
  async dial(target: SshTarget): Promise<Client> {
    const { bastion } = target;
    if (bastion === undefined) return this.patiently(() => this.connect(target));
    return this.patiently(async () => {
      // All nodes share one connection to a bastion: its sshd bounds how many may log in at once.
      const through = await this.shared(bastion);
      return this.connect(target, await forward(through, target, this.patience.connect));
    });
  }

  private async patiently<T>(attempt: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        const failed =
          error instanceof DialError ? error : new DialError(wordsOf(error), undefined);
        if (failed.atBastion || lasting.includes(failed.trouble) || tries >= this.patience.attempts)
          throw failed;
      }
      await sleep(100 * 1.5 ** tries);
    }
  }

  /** A connection to a bastion, for as long as it holds. */
  private shared(bastion: Hop): Promise<Client> {
    const key = JSON.stringify(bastion);
    const known = this.bastions.get(key);
    if (known) return known;
    const shared = this.patiently(() => this.connect(bastion)).catch((error: DialError) => {
      throw new DialError(`bastion ${bastion.host}: ${error.message}`, error.trouble, true);
    });
    const forget = () => void this.bastions.delete(key);
    shared.then(
      (client) => client.once("close", forget),
      () => setTimeout(forget, memory).unref(),
    );
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
    let agent: Error | undefined;
    let noKeys = false;
    const ways = methods(hop);
    const far = setTimeout(
      () => client.emit("error", marked("connect ETIMEDOUT", { code: "ETIMEDOUT" })),
      this.patience.connect * 1000,
    );
    client.once("connect", () => clearTimeout(far));
    const ready = new Promise<void>((resolve) => client.once("ready", () => resolve()));
    const failed = new Promise<never>((_, reject) => {
      client
        // An agent that does not answer is not the end: there may be a key.
        .on("error", (error) => (error.level === "agent" ? (agent = error) : reject(error)))
        .once("close", () => reject(marked("the connection was closed", { level: "protocol" })));
    });
    const socket = sock ?? this.socket(hop);
    try {
      client.connect({
        sock: socket,
        username: hop.user,
        ...credentials(hop),
        authHandler: (left: readonly string[] | null) => {
          // What it takes from here on: nothing at first, as it was not asked.
          noKeys = left !== null && !left.includes("publickey");
          return (noKeys ? undefined : ways.shift()) ?? false;
        },
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
      const trouble = mismatch
        ? "stranger"
        : troubleOf(error, { agent, noKeys, noKey: hop.privateKey === undefined });
      const told = mismatch ? keyMismatch : wordsOf(error);
      // Which the client has not taken over when it cannot read the key.
      socket.destroy();
      throw new DialError(told, trouble);
    } finally {
      clearTimeout(far);
    }
  }
}

const keyMismatch = "host key mismatch";

/** An error with marks as the SSH client puts on its own. */
const marked = (message: string, marks: { readonly level?: string; readonly code?: string }) =>
  Object.assign(new Error(message), marks);

const wordsOf = (error: unknown) => (error as Error).message;

/** Reasons for which an SSH server ends a connection (RFC 4253 11.1) or opens no channel (RFC 4254 5.1). */
const protocolError = 2;
const prohibited = 1;

/** What the SSH client says of a handshake in which nothing was in common. */
const inCommon: readonly (readonly [RegExp, Trouble])[] = [
  [/no matching key exchange/, "kex"],
  [/no matching host key/, "keyType"],
  [/no matching \S+ cipher/, "cipher"],
  [/no matching \S+ MAC/, "mac"],
];

/** What the SSH client or the system says is wrong, by its own marks, never by what a server says. */
function troubleOf(
  error: unknown,
  ours: { readonly agent: Error | undefined; readonly noKey: boolean; readonly noKeys: boolean },
): Trouble | undefined {
  const { level, code } = error as { level?: string; code?: string | number };
  switch (code) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "name";
    case "ECONNREFUSED":
      return "closed";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "unreachable";
    case "ETIMEDOUT":
      return "silent";
    case protocolError:
      // Before we are in there is but one such reason: we were asked for keys until it had enough.
      return "keys";
    default:
  }
  if (level === "client-authentication" && ours.noKeys) return "factor";
  if (level === "client-authentication") return ours.agent && ours.noKey ? "agent" : "refused";
  if (level === "client-timeout") return "hangs";
  if (level === "handshake")
    return inCommon.find(([says]) => says.test(wordsOf(error)))?.[1] ?? "cut";
  // What is wrong on our side, such as a key that cannot be read, has no level.
  return level === undefined ? undefined : "cut";
}

/** A public key as it stands in a file: behind the name of its algorithm, with which its bytes begin. */
const lineOf = (key: Buffer) =>
  `${key.subarray(4, 4 + key.readUInt32BE(0)).toString()} ${key.toString("base64")}`;

/** The command package, too, asks the agent beside the key. */
function credentials({ privateKey }: Hop): ConnectConfig {
  return { privateKey, agent: process.env.SSH_AUTH_SOCK };
}

/** How we try to log in, in this order. Before the first, a server says what it takes. */
const methods = (hop: Hop) => {
  const { privateKey, agent } = credentials(hop);
  return [
    "none" as const,
    ...(privateKey === undefined ? [] : ["publickey" as const]),
    ...(agent === undefined ? [] : ["agent" as const]),
  ];
};

function forward(through: Client, { host, port }: Hop, seconds: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new DialError("the bastion does not reach it", "behind")),
      seconds * 1000,
    );
    const failed = (error: Error & { reason?: number }) => {
      clearTimeout(late);
      const off = error.reason === prohibited;
      reject(new DialError(error.message, off ? "forwarding" : "behind", off));
    };
    try {
      through.forwardOut("127.0.0.1", 0, host, port, (error, channel) => {
        clearTimeout(late);
        if (error) failed(error);
        else resolve(channel);
      });
    } catch (error) {
      // The bastion has hung up meanwhile: the next try dials it anew.
      failed(error as Error);
    }
  });
}
