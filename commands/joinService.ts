import { readFileSync } from "node:fs";
import { createServer, type Server as Listener, type Socket } from "node:net";
import { type AuthContext, type Connection, Server, utils } from "ssh2";
import { loadCluster } from "../config/load";
import type { ClusterPlan, NodePlan } from "../config/plan";
import { publicLine } from "../config/privateKey";
import { printable } from "../ssh/report";
import { command, common, main, OperatorError } from "./command";

/** What calls, and has not said who it is, may be so many at a time, each for so many milliseconds. */
const strangers = { most: 200, within: 10_000 };

export const joinService = command({
  name: "join-service",
  about:
    "Takes the calls of machines that nobody dials (via: call), where the file has join_service.host: that of this machine. Runs\n" +
    "until it is ended; pulumi, beside it, reaches at 127.64.0.0/10 those that have called. It tells who called, and who was refused and why.",
  options: {
    file: common.file,
    "key-file": {
      type: "string",
      value: "FILE",
      default: "join_service_key",
      help: "the private key of join_service.host_key; default: join_service_key",
    },
  },
  statuses: { 0: "it was ended" },
  async run({ file, "key-file": keyFile }) {
    const plan = loadCluster(file);
    const callers = callersOf(plan, file);
    const service = new JoinService(callers, hostKeyIn(keyFile, callers), (line) =>
      process.stdout.write(`${new Date().toISOString()} ${line}\n`),
    );
    await service.listen(plan.joinServicePort);
    await new Promise<void>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, resolve);
    });
    service.close();
    return 0;
  },
});

function callersOf({ nodes }: ClusterPlan, file: string): NodePlan[] {
  const callers = nodes.filter(({ calls, ssh, lost }) => calls && !ssh.bastion && !lost);
  if (callers.length > 0) return callers;
  throw new OperatorError(
    `${file} has no machine that calls this one: set via: call in a node's entry, and host and host_key in cluster.join_service`,
  );
}

/** The private key, which has to be the one that the machines know. */
function hostKeyIn(file: string, [first]: readonly NodePlan[]): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new OperatorError(
      `${file} cannot be read: ${(error as Error).message}; make it with 'ssh-keygen -t ed25519 -N "" -f ${file}', and put the line of ${file}.pub into cluster.join_service.host_key`,
    );
  }
  const line = publicLine(text);
  const wanted = first?.calls?.services[0]?.hostKey;
  if (line === wanted) return text;
  throw new OperatorError(
    line === undefined
      ? `${file} is not a private key without passphrase`
      : `${file} is the key ${line}, and cluster.join_service.host_key is another; the machines would call nobody`,
  );
}

/** Takes calls as the masters' sshd does: a key of the file, and nothing but an answer at the caller's own address. */
export class JoinService {
  private readonly server: Server;
  private unknown = 0;
  /** Who is connected, by name: whoever calls again takes the place of what is left of its former call. */
  private readonly connected = new Map<string, Connection>();

  constructor(
    private readonly callers: readonly NodePlan[],
    hostKey: string,
    private readonly log: (line: string) => void,
  ) {
    this.server = new Server({
      hostKeys: [hostKey],
      keepaliveInterval: 5000,
      keepaliveCountMax: 3,
    });
    this.server.on("connection", (connection, { ip }) => this.take(connection, ip));
  }

  /** @throws OperatorError when the port is not to be had */
  async listen(port: number, host = "0.0.0.0"): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.on("error", (error: Error) =>
        reject(new OperatorError(`nobody can call: ${error.message}`)),
      );
      this.server.listen(port, host, () => resolve());
    });
    const { port: listens } = this.server.address() as { port: number };
    this.log(
      `takes calls at port ${listens}, of ${this.callers.map(({ name }) => name).join(", ")}`,
    );
    return listens;
  }

  close(): void {
    this.server.close();
    for (const connection of this.connected.values()) connection.end();
  }

  private take(connection: Connection, ip: string): void {
    let node: NodePlan | undefined;
    const answers: Listener[] = [];
    const refuse = (why: string) => {
      this.log(`refused ${ip}: ${why}`);
      connection.end();
    };
    this.unknown += 1;
    const late = setTimeout(() => refuse("it does not say who it is"), strangers.within);
    const known = () => {
      if (late.hasRef()) this.unknown -= 1;
      clearTimeout(late);
      late.unref();
    };
    connection.on("error", (error: Error) => this.log(`${ip}: ${printable(error.message, 200)}`));
    connection.on("close", () => {
      known();
      for (const answer of answers) answer.close();
      if (!node || this.connected.get(node.name) !== connection) return;
      this.connected.delete(node.name);
      this.log(`${node.name} is gone`);
    });
    if (this.unknown > strangers.most) {
      refuse("too many call at a time");
      return;
    }
    connection.on("authentication", (context) => {
      const found = this.identified(context);
      if (typeof found === "string") {
        // Which keys it takes is what a client asks first.
        if (context.method !== "none") this.log(`refused ${ip}: ${found}`);
        context.reject(["publickey"]);
      } else {
        node = found;
        context.accept();
      }
    });
    connection.on("ready", () => {
      known();
      if (!node) return;
      this.connected.get(node.name)?.end();
      this.connected.set(node.name, connection);
      this.log(`${node.name} has called, from ${ip}`);
    });
    connection.on("session", (_, reject) => reject());
    connection.on("tcpip", (_, reject) => reject());
    connection.on("request", (accept, reject, name, info) => {
      const { calls } = node ?? {};
      const own = calls && info.bindAddr === calls.address && info.bindPort === calls.port;
      if (name !== "tcpip-forward" || !node || !own) {
        reject?.();
        return;
      }
      this.answerAt(info.bindAddr, info.bindPort, connection, answers).then(
        () => accept?.(),
        (error: Error) => {
          this.log(`${node?.name} cannot answer: ${error.message}`);
          reject?.();
        },
      );
    });
  }

  /** Who proves to be which node; or why not, in words. */
  private identified(context: AuthContext): NodePlan | string {
    if (context.username !== "groundwork-join")
      return "it asks as another user than groundwork-join";
    if (context.method !== "publickey") return "it shows no key";
    const line = `${context.key.algo} ${context.key.data.toString("base64")}`;
    const node = this.callers.find(({ ssh }) => ssh.hostKey === line);
    if (!node) return `no node of the file has its host key ${line}`;
    const key = utils.parseKey(line);
    if (key instanceof Error) return "its key cannot be read";
    if (
      context.signature !== undefined &&
      context.blob !== undefined &&
      key.verify(context.blob, context.signature, context.hashAlgo) !== true
    )
      return `it does not have the private key of ${node.name}`;
    return node;
  }

  private async answerAt(
    address: string,
    port: number,
    connection: Connection,
    answers: Listener[],
  ): Promise<void> {
    const listener = createServer((socket: Socket) => {
      socket.on("error", () => socket.destroy());
      connection.forwardOut(address, port, "127.0.0.1", 0, (error, channel) => {
        if (error) {
          socket.destroy();
          return;
        }
        channel.on("error", () => socket.destroy());
        socket.pipe(channel).pipe(socket);
        socket.on("close", () => channel.end());
      });
    });
    await new Promise<void>((resolve, reject) => {
      listener.once("error", reject).listen(port, address, resolve);
    });
    answers.push(listener);
  }
}

if (require.main === module) void main(joinService);
