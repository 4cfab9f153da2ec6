/**
 * The world outside of a site that has one door: `node -r ts-node/register test/e2e/outside.ts FOLDER`. All of it is on the
 * lab's own address, and FOLDER/log has a line for each who asks.
 *
 * - a proxy, which knows who publishes programs, a Debian archive in FOLDER/debian, and the servers below
 * - those publishers, with what the lab built, and lists of checksums as they have them
 * - a mirror in FOLDER/mirror, without TLS
 * - a registry with the lab's images, under the certificate in FOLDER, which nobody trusts unasked, for who knows a password
 * - a DNS server, for which every name is 192.0.2.7
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, type Socket } from "node:net";
import { basename, dirname, join } from "node:path";
import { hashSync } from "bcryptjs";

const [folder = ""] = process.argv.slice(2);
const lab = join(__dirname, "../../.lab");
const published = join(lab, "artifacts/mirror");
const address = "10.77.0.1";
export const ports = { proxy: 3128, mirror: 8080, registry: 5001, dns: 5353, publisher: 8444 };

const log = (line: string) => appendFileSync(join(folder, "log"), `${line}\n`);
const sha256 = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

function answer(response: ServerResponse, found: string | Buffer | undefined): void {
  response.statusCode = found === undefined ? 404 : 200;
  response.end(found);
}

const fileIn = (root: string, path: string) =>
  existsSync(join(root, path)) && statSync(join(root, path)).isFile()
    ? readFileSync(join(root, path))
    : undefined;

/** What a publisher's server says: a file, or its checksum in the form that this one has for it. */
function publishedAt(host: string, path: string): string | Buffer | undefined {
  const file = join(published, host, path);
  if (path.endsWith(".sha256")) return sha256(file.slice(0, -".sha256".length));
  const release = /^\/repos\/(.+)\/releases\/tags\/(.+)$/.exec(path);
  if (host === "api.github.com" && release) {
    const name = "flanneld-amd64";
    const asset = join(
      published,
      `github.com/${release[1]}/releases/download/${release[2]}/${name}`,
    );
    return JSON.stringify({ assets: [{ name, digest: `sha256:${sha256(asset)}` }] });
  }
  if (basename(path) === "SHA256SUMS") {
    const name = `etcd-${basename(dirname(path))}-linux-amd64.tar.gz`;
    return `${sha256(join(dirname(file), name))}  ${name}\n`;
  }
  return fileIn(join(published, host), path);
}

function serve(): void {
  const tls = {
    cert: readFileSync(join(folder, "server.crt")),
    key: readFileSync(join(folder, "server.key")),
  };
  createTlsServer(tls, ({ headers, url = "" }, response) =>
    answer(response, publishedAt(headers.host ?? "", url)),
  ).listen(ports.publisher, "127.0.0.1");

  const mirror = (path: string) => fileIn(join(folder, "mirror"), path);
  createServer(({ url = "" }, response) => answer(response, mirror(url))).listen(
    ports.mirror,
    address,
  );

  const proxy = createServer(({ method, url = "" }: IncomingMessage, response) => {
    log(`${method} ${url}`);
    const { hostname, pathname } = new URL(url);
    if (hostname === "deb.debian.org") answer(response, fileIn(join(folder, "debian"), pathname));
    else answer(response, hostname === address ? mirror(pathname) : undefined);
  });
  proxy.on("connect", ({ url = "" }: IncomingMessage, client: Socket, head: Buffer) => {
    log(`CONNECT ${url}`);
    const [host = "", port] = url.split(":");
    const publishers = ["dl.k8s.io", "github.com", "api.github.com"];
    if (host !== address && !publishers.includes(host)) {
      client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      return;
    }
    const [to, at] = host === address ? [host, Number(port)] : ["127.0.0.1", ports.publisher];
    const server = connect(at, to, () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      server.write(head);
      server.pipe(client).pipe(server);
    });
    for (const end of [server, client])
      end.on("error", () => [server, client].map((one) => one.destroy()));
  });
  proxy.listen(ports.proxy, address);

  const dns = createSocket("udp4", (query, { port, address: who }) => {
    const end = query.indexOf(0, 12) + 5;
    const asksAddress = query.readUInt16BE(end - 4) === 1;
    const reply = Buffer.concat([
      query.subarray(0, end),
      asksAddress ? Buffer.from("c00c00010001000000050004c0000207", "hex") : Buffer.alloc(0),
    ]);
    reply.writeUInt16BE(0x8580, 2);
    [1, asksAddress ? 1 : 0, 0, 0].forEach((count, i) => reply.writeUInt16BE(count, 4 + 2 * i));
    log(
      `DNS ${query
        .subarray(13, end - 5)
        .toString("latin1")
        .replace(/[\0-\x1f]/g, ".")}`,
    );
    dns.send(reply, port, who);
  });
  dns.bind(53, address);
}

/** docker-registry over the images that the lab's own has; it ends with this process. */
function registry(): void {
  writeFileSync(join(folder, "htpasswd"), `puller:${hashSync("hunter2", 5)}\n`);
  const settings = {
    version: 0.1,
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(lab, "services/registry") } },
    http: {
      addr: `${address}:${ports.registry}`,
      tls: { certificate: join(folder, "server.crt"), key: join(folder, "server.key") },
    },
    auth: { htpasswd: { realm: "site", path: join(folder, "htpasswd") } },
  };
  writeFileSync(join(folder, "registry.json"), JSON.stringify(settings));
  const child = spawn("docker-registry", ["serve", join(folder, "registry.json")], {
    stdio: "inherit",
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => {
      child.kill();
      process.exit();
    });
  child.on("exit", () => process.exit(1));
}

if (require.main === module) {
  serve();
  registry();
}
