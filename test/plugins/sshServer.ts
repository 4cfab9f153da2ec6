import { spawn } from "child_process";
import { type AddressInfo, connect } from "net";
import {
  type Algorithms,
  type AuthenticationType,
  type Connection,
  type PublicKeyAuthContext,
  Server,
  type Session,
  utils,
} from "ssh2";
import type { Properties } from "../../lab/plugins/shared/values";
import { secret } from "./provider";

/** What the server was asked to do, in order. */
export interface Log {
  readonly commands: string[];
  readonly environments: string[];
  /** What came on standard input of each command. */
  readonly programs: string[];
}

/** A key pair that can be read: one in some 270 that ssh2 makes is `Malformed OpenSSH private key` to itself. */
export function generateKeys(): { readonly private: string; readonly public: string } {
  const keys = utils.generateKeyPairSync("ed25519");
  return utils.parseKey(keys.private) instanceof Error ? generateKeys() : keys;
}

/**
 * An SSH server on the loopback that runs commands in a shell of this machine. It takes one password: `secret`, and the
 * keys of `authorized`.
 */
export class SshServer {
  readonly log: Log = { commands: [], environments: [], programs: [] };
  /** As in `authorized_keys`. */
  readonly hostKey: string;
  /** How many connections there have been. */
  dialled = 0;
  /** How many of the next connections are cut off. */
  refuse = 0;
  /** How many sessions it lets a connection have at a time. */
  sessions = Infinity;
  /** Public keys it takes, as in `authorized_keys`. */
  readonly authorized: string[] = [];
  /** What it says that it takes. */
  methods: AuthenticationType[] = ["password", "publickey"];
  /** Who logged in, each once. */
  readonly users = new Set<string>();
  /** What it runs instead of what it is asked to run. */
  shell = (command: string): string => command;
  private readonly server: Server;
  private readonly open = new Set<Connection>();

  private constructor(
    private readonly acceptsEnvironment: boolean,
    algorithms: Algorithms,
  ) {
    const keys = generateKeys();
    this.hostKey = keys.public.trim();
    this.server = new Server({ hostKeys: [keys.private], algorithms }, (client) =>
      this.serve(client),
    );
  }

  static async listen(acceptsEnvironment = false, algorithms = {}): Promise<SshServer> {
    const server = new SshServer(acceptsEnvironment, algorithms);
    await new Promise<void>((resolve) => server.server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.open.size;
  }

  /** The input `connection` of a command on this server, without patience, with changes. */
  connection(changes: Properties = {}): Properties {
    return secret({
      host: "127.0.0.1",
      port: this.port,
      user: "root",
      password: "secret",
      hostKey: this.hostKey,
      dialErrorLimit: 0,
      ...changes,
    });
  }

  /** Cuts all connections. */
  drop(): void {
    for (const client of this.open) client.end();
  }

  close(): Promise<void> {
    this.drop();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private serve(client: Connection): void {
    this.dialled++;
    if (this.refuse > 0) {
      this.refuse--;
      client.end();
      return;
    }
    this.open.add(client);
    const sessions = new Set<Session>();
    // Small packets both ways: each would wait for the acknowledgement of the one before.
    (client as Connection & { setNoDelay(on: boolean): void }).setNoDelay(true);
    client
      .on("error", () => {})
      .on("close", () => this.open.delete(client))
      .on("authentication", (attempt) =>
        (attempt.method === "password" && attempt.password === "secret") ||
        (attempt.method === "publickey" && this.knows(attempt))
          ? (this.users.add(attempt.username), attempt.accept())
          : attempt.reject(this.methods),
      )
      .on("tcpip", (accept, reject, { destIP, destPort }) => {
        const socket = connect(destPort, destIP)
          .once("error", () => reject())
          .once("connect", () => {
            const channel = accept();
            socket.on("error", () => channel.end());
            channel
              .on("error", () => {})
              .pipe(socket)
              .pipe(channel);
          });
      })
      .on("session", (accept, reject) => {
        if (sessions.size >= this.sessions) return void reject();
        const session = accept();
        sessions.add(session.on("close", () => sessions.delete(session)));
        this.session(session);
      });
  }

  private knows({ key, blob, signature, hashAlgo }: PublicKeyAuthContext): boolean {
    return this.authorized.some((line) => {
      const own = utils.parseKey(line);
      if (own instanceof Error || !own.getPublicSSH().equals(key.data)) return false;
      return !signature || !blob || own.verify(blob, signature, hashAlgo) === true;
    });
  }

  private session(session: Session): void {
    const variables: Record<string, string> = {};
    session
      .on("env", (accept, reject, { key, val }) => {
        this.log.environments.push(key);
        if (this.acceptsEnvironment) {
          variables[key] = val;
          accept?.();
        } else {
          reject?.();
        }
      })
      .on("exec", (accept, _reject, { command }) => {
        const at = this.log.commands.push(command) - 1;
        this.log.programs[at] = "";
        const channel = accept();
        channel.on("data", (text: Buffer) => (this.log.programs[at] += text.toString()));
        const shell = spawn("sh", ["-c", this.shell(command)], {
          env: { ...process.env, ...variables },
        });
        channel.pipe(shell.stdin.on("error", () => {}));
        // Nobody listens any more.
        channel.on("close", () => shell.stdout.destroy());
        shell.stdout.pipe(channel, { end: false });
        shell.stderr.pipe(channel.stderr, { end: false });
        shell.on("close", (code) => {
          channel.exit(code ?? 255);
          channel.end();
        });
      });
  }
}
