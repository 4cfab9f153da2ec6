import { LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { connect as connectTcp, type Socket } from "net";
import { Client, type ConnectConfig } from "ssh2";
import type { Duplex } from "stream";
import type { Context } from "../shared/resource";
import type { Connection } from "./connection";
import { retry } from "./retry";

/** An authenticated SSH client, and how to hang up. */
export interface Session {
  readonly client: Client;
  close(): void;
}

/** Connects, through the proxy if there is one, and repeats what fails as often as the connection says. */
export async function dial(connection: Connection, context: Context): Promise<Session> {
  const signal =
    context.timeout > 0
      ? AbortSignal.any([context.signal, AbortSignal.timeout(context.timeout * 1000)])
      : context.signal;
  const repeat = <T>(what: string, limit: number, attempt: () => Promise<T>) =>
    retry(limit, signal, attempt, (failures) =>
      context.log(
        LogSeverity.INFO,
        `${what} ${failures}/${limit < 0 ? "inf" : limit} failed: retrying`,
        true,
      ),
    );
  await checkAgent(connection);
  const { proxy, dialErrorLimit } = connection;
  if (!proxy) {
    const client = await repeat("Dial", dialErrorLimit, async () =>
      handshake(await openTcp(connection), connection),
    );
    return { client, close: () => client.end() };
  }
  try {
    await checkAgent(proxy);
    const outer = await repeat("Dial proxy", proxy.dialErrorLimit, async () =>
      handshake(await openTcp(proxy), proxy),
    );
    const tunnel = await repeat("Dial from proxy", dialErrorLimit, () =>
      forward(outer, connection),
    );
    // Not repeated: a tunnel whose handshake failed is of no more use.
    const client = await handshake(tunnel, connection);
    return { client, close: () => client.end() && outer.end() };
  } catch (error) {
    throw new Error(`proxy: ${(error as Error).message}`);
  }
}

function openTcp({ host, port, perDialTimeout }: Connection): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => {
      socket.destroy();
      reject(new Error(`dial tcp ${host}:${port}: ${error.message}`));
    };
    const socket = connectTcp({ host, port, noDelay: true, keepAlive: true }, () => {
      socket.setTimeout(0).off("error", failed);
      resolve(socket);
    });
    socket.setTimeout(perDialTimeout * 1000, () => failed(new Error("i/o timeout")));
    socket.once("error", failed);
  });
}

function forward(outer: Client, { host, port }: Connection): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    outer.forwardOut("127.0.0.1", 0, host, port, (error, channel) =>
      error ? reject(error) : resolve(channel),
    );
  });
}

/** SSH on an open connection; as in the real provider, without a limit of time. */
function handshake(sock: Duplex, connection: Connection): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    let mismatch = false;
    const failed = ({ message }: Error) => {
      sock.destroy();
      reject(new Error(`ssh: handshake failed: ${mismatch ? "ssh: host key mismatch" : message}`));
    };
    client
      .once("ready", () => {
        // Whoever runs a command hears of a lost connection by its channel closing.
        client.off("error", failed).on("error", () => {});
        resolve(client);
      })
      .once("error", failed)
      .once("close", () => failed(new Error("EOF")))
      .on("keyboard-interactive", (_name, _instructions, _language, prompts, answer) =>
        answer(prompts.map(() => connection.password ?? "")),
      )
      .connect({
        sock,
        username: connection.user,
        password: connection.password,
        tryKeyboard: connection.password !== undefined,
        privateKey: connection.privateKey,
        passphrase: connection.privateKeyPassword,
        agent: agentOf(connection),
        readyTimeout: 0,
        ...hostKeyOptions(connection.hostKey, () => (mismatch = true)),
      });
  });
}

function hostKeyOptions(hostKey: string | undefined, onMismatch: () => void): ConnectConfig {
  if (hostKey === undefined) return {};
  const [type, blob] = hostKey.trim().split(/\s+/);
  if (!type || !blob) {
    throw new Error(`failed to parse host key: '${hostKey}' is not of the form 'type base64'`);
  }
  const expected = Buffer.from(blob, "base64");
  return {
    // The server must show the key of this type, though it may have others.
    algorithms: { serverHostKey: [type as "ssh-ed25519"] },
    hostVerifier: (key: Buffer) => {
      if (key.equals(expected)) return true;
      onMismatch();
      return false;
    },
  };
}

function agentOf({ agentSocketPath }: Connection): string | undefined {
  return agentSocketPath ?? (process.env.SSH_AUTH_SOCK || undefined);
}

/** An agent that does not answer fails the command, even if the connection has a key: the real provider does the same. */
function checkAgent(connection: Connection): Promise<void> {
  const path = agentOf(connection);
  if (path === undefined) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ path }, () => {
      socket.destroy();
      resolve();
    }).once("error", ({ message }) => reject(new Error(`dial unix ${path}: ${message}`)));
  });
}
