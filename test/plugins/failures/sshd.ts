import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { createSocket } from "node:dgram";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A server that runs, and what is to be known of it. */
export interface Running {
  readonly port: number;
  /** As in its `.pub` file. */
  readonly hostKey: string;
  stop(): Promise<void>;
}

const place = () => process.env.PLACE ?? "";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

let servers = 0;

/** Debian's sshd on the loopback, with lines of its configuration that come before the others. */
export async function startSshd(lines: readonly string[] = []): Promise<Running> {
  const folder = join(place(), `sshd-${(servers += 1)}`);
  mkdirSync(folder);
  const key = join(folder, "host");
  await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key);
  const port = await freePort();
  const config = [
    ...lines,
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${key}`,
    `PidFile ${folder}/pid`,
    `AuthorizedKeysFile ${place()}/home/%u/.ssh/authorized_keys`,
    "StrictModes no",
    "UsePAM yes",
    "PermitRootLogin prohibit-password",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
  ];
  writeFileSync(join(folder, "config"), `${config.join("\n")}\n`);
  const daemon = spawn("/usr/sbin/sshd", ["-D", "-f", join(folder, "config")], {
    stdio: "ignore",
    detached: true,
  });
  for (let tries = 0; !(await answers(port)); tries++) {
    if (tries > 100) throw new Error("sshd does not start");
    await sleep(20);
  }
  return {
    port,
    hostKey: readFileSync(`${key}.pub`, "utf8").trim(),
    async stop() {
      const ended = once(daemon, "exit");
      daemon.kill();
      await ended;
    },
  };
}

/** The public half of a key that nobody has. */
export async function generateKey(type: string): Promise<string> {
  const path = join(place(), `nobody-${type}`);
  await run("ssh-keygen", "-q", "-t", type, "-N", "", "-f", path);
  return readFileSync(`${path}.pub`, "utf8").trim();
}

/** A server that is none: it does what `serve` says with each connection. */
export async function startOther(serve: "says nothing" | "hangs up" | "is a web server") {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (serve === "hangs up") socket.end();
    if (serve === "is a web server")
      socket.end("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nno\r\n");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { port, stop: () => void server.close() };
}

/** A name server that knows no name. */
export async function startNames(): Promise<void> {
  const socket = createSocket("udp4").unref();
  socket.on("message", (query, { port, address }) => {
    const answer = Buffer.from(query);
    answer.writeUInt16BE(0x8183, 2);
    socket.send(answer, port, address);
  });
  await new Promise<void>((resolve) => socket.bind(53, "127.0.0.1", resolve));
}

/** An agent with so many keys, none of which anybody knows. */
export async function startAgent(keys: number): Promise<string> {
  const path = join(place(), `agent-${keys}`);
  const agent = spawn("ssh-agent", ["-D", "-a", path], { stdio: "ignore" });
  agent.unref();
  await sleep(200);
  for (let i = 0; i < keys; i++) {
    const key = join(place(), `stranger-${keys}-${i}`);
    await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key);
    chmodSync(key, 0o600);
    await run("env", `SSH_AUTH_SOCK=${path}`, "ssh-add", "-q", key);
  }
  return path;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const came = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return came;
}

export async function run(program: string, ...args: string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  const [status] = (await once(child, "exit")) as [number | null];
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
}
