import { LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { connect, type Socket } from "net";
import type { Client } from "ssh2";
import type { Duplex } from "stream";
import type { Context } from "../shared/resource";
import type { Connection } from "./connection";
import { handshake, readCredentials } from "./handshake";
import { retry } from "./retry";

/** An authenticated SSH client, and how to hang up. */
export interface Session {
  readonly client: Client;
  close(): void;
}

/** Connects, through the proxy if there is one, and repeats what fails as often as the connection says. */
export async function dial(connection: Connection, context: Context): Promise<Session> {
  const credentials = await readCredentials(connection);
  const repeat = repeater(context);
  const { proxy, dialErrorLimit } = connection;
  if (!proxy) {
    const client = await repeat("Dial", dialErrorLimit, async () =>
      handshake(await openTcp(connection), credentials),
    );
    return { client, close: () => client.end() };
  }
  try {
    const own = await readCredentials(proxy);
    const outer = await repeat("Dial proxy", proxy.dialErrorLimit, async () =>
      handshake(await openTcp(proxy), own),
    );
    const tunnel = await repeat("Dial from proxy", dialErrorLimit, () =>
      forward(outer, connection),
    );
    // Not repeated: a tunnel whose handshake failed is of no more use.
    const client = await handshake(tunnel, credentials);
    return { client, close: () => client.end() && outer.end() };
  } catch (error) {
    throw new Error(`proxy: ${(error as Error).message}`);
  }
}

/** Repeats attempts until the operator interrupts the engine, or the resource's own timeout is over. */
function repeater(context: Context) {
  const signal =
    context.timeout > 0
      ? AbortSignal.any([context.signal, AbortSignal.timeout(context.timeout * 1000)])
      : context.signal;
  return <T>(what: string, limit: number, attempt: () => Promise<T>) =>
    retry(limit, signal, attempt, (failures) =>
      context.log(
        LogSeverity.INFO,
        `${what} ${failures}/${limit < 0 ? "inf" : limit} failed: retrying`,
        true,
      ),
    );
}

/**
 * Milliseconds of silence after which a peer is asked whether it lives. Ten seconds later it is given up: after 150 s
 * altogether, as Go does it.
 */
const silence = 140_000;

function openTcp({ host, port, perDialTimeout }: Connection): Promise<Socket> {
  const options = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: silence };
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => {
      socket.destroy();
      reject(new Error(`dial tcp ${host}:${port}: ${error.message}`));
    };
    const socket = connect(options, () => {
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
