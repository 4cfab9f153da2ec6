import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { signingRequest } from "./signingRequest";

type Csr = ReturnType<typeof signingRequest>;
const csrs = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

/** An API server that knows certificate requests and one ConfigMap, and lets in who shows its client's certificate. */
export class FakeApi {
  readonly folder = mkdtempSync(join(tmpdir(), "groundwork-api-"));
  readonly authority = join(this.folder, "ca.crt");
  readonly client = join(this.folder, "client.pem");
  /** Name of a node -> what the ConfigMap has of it; undefined: there is no ConfigMap. */
  declared: Record<string, string> | undefined = {};
  /** Name of a node -> its ticket; undefined: there is no ConfigMap. */
  tickets: Record<string, string> | undefined;
  /** What happens as soon as the tickets were shown. */
  shown: () => void = () => {};
  /** With which status a change of them is refused; default: it is taken. */
  refuseChange: number | undefined;
  /** Answers that were given, in their order. */
  readonly answered: Csr[] = [];
  /** With which status an answer is refused; default: it is taken. */
  refuse: (csr: Csr) => number | undefined = () => undefined;
  /** What is waited for before the ConfigMap is shown. */
  hold: Promise<void> = Promise.resolve();
  /** With which status it is refused; default: it is shown. */
  refuseDeclared: number | undefined;
  /** Methods and paths that were asked. */
  readonly asked: string[] = [];
  private readonly requests = new Map<string, Csr>();
  private readonly watchers = new Set<ServerResponse>();
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  private port = 0;

  constructor() {
    const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    const issue = (name: string, more: string) =>
      `openssl req -x509 ${key} -keyout ${name}.key -out ${name}.crt -days 2 -subj /CN=${name} ${more}`;
    const signed = (name: string) =>
      issue(name, "-CA ca.crt -CAkey ca.key -addext subjectAltName=IP:127.0.0.1");
    const script = [issue("ca", ""), signed("server"), signed("client")].join("\n");
    const made = spawnSync("bash", ["-ec", script], { cwd: this.folder, encoding: "utf8" });
    assert.equal(made.status, 0, made.stderr);
    writeFileSync(this.client, this.read("client.crt") + this.read("client.key"));
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** On the same port as before. */
  async start(): Promise<void> {
    const tls = {
      ca: this.read("ca.crt"),
      cert: this.read("server.crt"),
      key: this.read("server.key"),
    };
    const settings = { ...tls, requestCert: true, rejectUnauthorized: true };
    const server = createServer(settings, (asked, answer) => void this.answer(asked, answer));
    server.on("connection", (socket: Socket) => {
      this.sockets.add(socket.on("close", () => this.sockets.delete(socket)));
    });
    await new Promise<void>((resolve) => server.listen(this.port, "127.0.0.1", resolve));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  /** Whoever is connected is cut off. */
  async stop(): Promise<void> {
    const { server } = this;
    if (!server) return;
    this.server = undefined;
    await new Promise((resolve) => {
      server.close(resolve);
      this.sockets.forEach((socket) => socket.destroy());
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  /** Somebody asks. */
  post(...requests: readonly Csr[]): void {
    for (const csr of requests) {
      this.requests.set(csr.metadata.name, csr);
      this.tell({ type: "ADDED", object: csr });
    }
  }

  /** How many watch. */
  get watching(): number {
    return this.watchers.size;
  }

  /** A line of every watch, and its end. */
  end(line = ""): void {
    this.watchers.forEach((watcher) => watcher.end(line));
    this.watchers.clear();
  }

  private tell(event: object): void {
    this.watchers.forEach((watcher) => watcher.write(JSON.stringify(event) + "\n"));
  }

  private read(name: string): string {
    return readFileSync(join(this.folder, name), "utf8");
  }

  private async answer(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = "", url = "" } = asked;
    this.asked.push(`${method} ${url}`);
    const say = (status: number, body: object) => {
      answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    const path = url.split("?")[0];
    if (method === "GET" && path === csrs && url.includes("watch=true")) {
      answer.writeHead(200).flushHeaders();
      this.watchers.add(answer.on("close", () => this.watchers.delete(answer)));
      for (const object of this.requests.values())
        answer.write(JSON.stringify({ type: "ADDED", object }) + "\n");
    } else if (
      method === "GET" &&
      path === "/api/v1/namespaces/kube-system/configmaps/groundwork-nodes"
    ) {
      await this.hold;
      if (this.refuseDeclared !== undefined) say(this.refuseDeclared, { message: "no" });
      else if (this.declared) say(200, { data: this.declared });
      else say(404, { message: "not found" });
    } else if (path === "/api/v1/namespaces/kube-system/configmaps/groundwork-tickets") {
      if (!this.tickets) return say(404, { message: "not found" });
      if (method === "PATCH") {
        if (this.refuseChange !== undefined) return say(this.refuseChange, { message: "no" });
        assert.equal(asked.headers["content-type"], "application/json-patch+json");
        let text = "";
        for await (const chunk of asked) text += String(chunk);
        const patch = JSON.parse(text) as { op: string; path: string; value: string }[];
        assert.deepEqual(
          patch.map(({ op }) => op),
          ["test", "replace"],
        );
        const node = /^\/data\/([a-z0-9-]+)$/.exec(patch[1]?.path ?? "")?.[1] ?? "";
        if (this.tickets[node] !== patch[0]?.value) return say(422, { message: "test failed" });
        this.tickets[node] = patch[1]?.value ?? "";
      }
      say(200, { data: this.tickets });
      if (method === "GET") this.shown();
    } else if (method === "PUT") {
      let text = "";
      for await (const chunk of asked) text += String(chunk);
      const csr = JSON.parse(text) as Csr;
      assert.equal(path, `${csrs}/${csr.metadata.name}/approval`);
      const refused = this.refuse(csr);
      if (refused !== undefined) return say(refused, { message: "no" });
      this.answered.push(csr);
      this.requests.set(csr.metadata.name, csr);
      say(200, csr);
      this.tell({ type: "MODIFIED", object: csr });
    } else say(403, { message: "forbidden" });
  }
}
