import { connect as connectTcp } from "net";
import { Client, type ConnectConfig, utils } from "ssh2";
import type { Duplex } from "stream";
import type { Connection } from "./connection";

/** What a connection says of keys and names, read and found to be sound. */
export interface Credentials {
  readonly config: ConnectConfig;
  /** The server's public key; any, if undefined. */
  readonly hostKey?: Buffer;
}

/** Reads keys, and looks for the agent: what is wrong here would be wrong at every dial. */
export async function readCredentials(connection: Connection): Promise<Credentials> {
  const { user, password, privateKey, privateKeyPassword } = connection;
  if (privateKey !== undefined) {
    const parsed = utils.parseKey(privateKey, privateKeyPassword);
    if (parsed instanceof Error) throw new Error(`ssh: privateKey: ${parsed.message}`);
  }
  const agent = connection.agentSocketPath ?? (process.env.SSH_AUTH_SOCK || undefined);
  if (agent !== undefined) await checkAgent(agent);
  const config: ConnectConfig = {
    username: user,
    password,
    tryKeyboard: password !== undefined,
    privateKey,
    passphrase: privateKeyPassword,
    agent,
    // As in the real provider, there is no limit of time once the server has answered.
    readyTimeout: 0,
  };
  if (connection.hostKey === undefined) return { config };
  const [type, blob] = connection.hostKey.trim().split(/\s+/);
  if (!type || !blob) {
    throw new Error(
      `failed to parse host key: '${connection.hostKey}' is not of the form 'type base64'`,
    );
  }
  // The server must show its key of this type, though it may have others.
  const algorithms = { serverHostKey: [type as "ssh-ed25519"] };
  return { config: { ...config, algorithms }, hostKey: Buffer.from(blob, "base64") };
}

/** An agent that does not answer fails the command, even if the connection has a key: the real provider does the same. */
function checkAgent(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ path }, () => {
      socket.destroy();
      resolve();
    }).once("error", ({ message }) => reject(new Error(`dial unix ${path}: ${message}`)));
  });
}

/** SSH on an open connection. */
export function handshake(sock: Duplex, { config, hostKey }: Credentials): Promise<Client> {
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
        answer(prompts.map(() => config.password ?? "")),
      )
      .connect({
        ...config,
        sock,
        hostVerifier: (key: Buffer) => {
          mismatch = hostKey !== undefined && !key.equals(hostKey);
          return !mismatch;
        },
      });
  });
}
