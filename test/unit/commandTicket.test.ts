import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { execute } from "../../commands/command";
import { ticket } from "../../commands/ticket";
import { type FileData, sampleFile } from "./clusterSample";
import { written } from "./written";

const maps = "/api/v1/namespaces/kube-system/configmaps";
const secrets = "/api/v1/namespaces/kube-system/secrets";
const edge = {
  name: "edge-01",
  ip: "10.0.0.31",
  roles: ["worker"],
  managed: false,
  cert_sans: ["edge.example.org"],
};
const declaration = { ip: "10.0.0.31", managed: false, certSans: ["edge.example.org"] };

interface Secret {
  metadata: { name: string };
  type: string;
  stringData: Record<string, string>;
}
interface Kubeconfig {
  "current-context": string;
  clusters: { name: string; cluster: Record<string, string> }[];
  users: { name: string; user: { token: string } }[];
  contexts: { name: string; context: { cluster: string; user: string } }[];
}

describe("npm run ticket", () => {
  let folder: string;
  let server: Server;
  let declared: Record<string, unknown> | undefined;
  let tickets: Record<string, string> | undefined;
  let made: Secret[];
  let asked: string[];
  /** Which requests are refused. */
  let refuse: RegExp | undefined;
  /** Seconds by which the cluster's clock is ahead of ours. */
  let ahead: number;
  const former = { ...process.env };
  const path = (name: string) => join(folder, name);
  const place = () => path("conf/bootstrap.conf");
  const cluster = (change: (file: FileData) => void = () => {}) => {
    const file = sampleFile();
    (file.nodes as object[]).push(edge);
    change(file);
    writeFileSync(path("cluster.yaml"), stringify(file));
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-ticket-"));
    [declared, tickets, made, asked] = [{ "edge-01": declaration }, undefined, [], []];
    [refuse, ahead] = [undefined, 0];
    server = createServer((request, response) => {
      let text = "";
      request.on("data", (chunk: Buffer) => (text += chunk.toString()));
      request.on("end", () => {
        const line = `${request.method} ${request.url?.replace(/\?.*/, "")}`;
        asked.push(line);
        const say = (status: number, body: object) => {
          response.writeHead(status, { "Content-Type": "application/json" });
          response.end(JSON.stringify(body));
        };
        if (refuse?.test(line)) return say(403, { kind: "Status", message: "no right" });
        const name = line.split("/").at(-1);
        if (line === `GET ${maps}/groundwork-nodes`) {
          const data = Object.entries(declared ?? {}).map(([node, own]) => [
            node,
            JSON.stringify(own),
          ]);
          return say(declared ? 200 : 404, { data: Object.fromEntries(data) as object });
        }
        if (line === `GET ${maps}/groundwork-tickets`)
          return say(tickets ? 200 : 404, { data: tickets });
        if (line === `PATCH ${maps}/groundwork-tickets`) {
          assert.equal(request.headers["content-type"], "application/apply-patch+yaml");
          assert.match(request.url ?? "", /fieldManager=groundwork-ticket-edge-01/);
          tickets = { ...tickets, ...(JSON.parse(text) as { data: Record<string, string> }).data };
          return say(200, {});
        }
        if (line === `POST ${secrets}`) {
          const secret = JSON.parse(text) as Secret;
          made.push(secret);
          const creationTimestamp = new Date(Date.now() + ahead * 1000).toISOString();
          return say(201, { ...secret, metadata: { ...secret.metadata, creationTimestamp } });
        }
        if (line.startsWith(`DELETE ${secrets}/`)) {
          made = made.filter(({ metadata }) => metadata.name !== name);
          return say(200, {});
        }
        say(500, { message: `${line} is not foreseen` });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const admin = {
      "current-context": "lab",
      clusters: [
        {
          name: "lab",
          cluster: {
            server: `http://127.0.0.1:${port}`,
            "certificate-authority-data": "Q0E=",
            "insecure-skip-tls-verify": true,
          },
        },
      ],
      contexts: [{ name: "lab", context: { cluster: "lab", user: "admin" } }],
      users: [{ name: "admin", user: { token: "ADMINS-OWN" } }],
    };
    writeFileSync(path("admin.conf"), JSON.stringify(admin));
    cluster();
    process.env.CONFIG_DIR = path("conf");
    delete process.env.FILE_NAME;
  });
  afterEach(() => {
    for (const name of ["CONFIG_DIR", "FILE_NAME", "HOME"]) {
      if (former[name] === undefined) delete process.env[name];
      else process.env[name] = former[name];
    }
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  const run = async (...args: string[]) => {
    let status = -1;
    let errors = "";
    const output = await written("stdout", async () => {
      errors = await written("stderr", async () => {
        const own = ["--file", path("cluster.yaml"), "--kubeconfig", path("admin.conf")];
        status = await execute(ticket, [...own, ...(args.length > 0 ? args : ["edge-01"])]);
      });
    });
    return { status, output, errors };
  };
  const read = (file = place()) => parse(readFileSync(file, "utf8")) as Kubeconfig;

  it("writes a bootstrap kubeconfig with a token that is bound to the node, for its owner alone", async () => {
    const { status, output, errors } = await run();
    assert.equal(status, 0, errors);
    assert.deepEqual(
      [place(), path("conf")].map((one) => statSync(one).mode & 0o777),
      [0o600, 0o700],
    );
    const { users, clusters, contexts, "current-context": current } = read();
    assert.equal(current, "tls-bootstrap-token-user@sample");
    assert.deepEqual(contexts, [
      { name: current, context: { cluster: "sample", user: "tls-bootstrap-token-user" } },
    ]);
    assert.deepEqual(clusters, [
      {
        name: "sample",
        cluster: { server: "https://10.0.0.11:6443", "certificate-authority-data": "Q0E=" },
      },
    ]);
    const [id = "", secret = ""] = users[0]?.user.token.split(".") ?? [];
    assert.match(id, /^[a-z0-9]{6}$/);
    assert.match(secret, /^[a-z0-9]{16}$/);
    const [token] = made;
    assert.deepEqual(
      [token?.metadata.name, token?.type],
      [`bootstrap-token-${id}`, "bootstrap.kubernetes.io/token"],
    );
    const { expiration = "", ...data } = token?.stringData ?? {};
    assert.deepEqual(data, {
      "token-id": id,
      "token-secret": secret,
      description: "ticket of node edge-01",
      "usage-bootstrap-authentication": "true",
      "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
    });
    const minutes = (Date.parse(expiration) - Date.now()) / 60_000;
    assert.ok(minutes > 14 && minutes <= 15, expiration);
    const own = JSON.parse(tickets?.["edge-01"] ?? "") as { token: string; until: string };
    assert.equal(own.token, id);
    assert.match(own.until, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.ok(Math.abs(Date.parse(own.until) - Date.parse(expiration)) < 1000);
    assert.match(
      output,
      /bootstrap\.conf is written: a ticket for edge-01, good for one certificate until \S+Z, at https:\/\/10\.0\.0\.11:6443, the first master: a node that shall outlive it needs a cluster\.endpoint\.\n/,
    );
    assert.ok(!output.includes(secret), "the token is printed");
    assert.ok(!asked.some((line) => line.includes(secret)), "the token is in a URL");
    assert.deepEqual(readdirSync(path("conf")), ["bootstrap.conf"]);
  });

  it("names the cluster's endpoint where the file has one", async () => {
    cluster((file) => ((file.cluster as FileData).endpoint = "api.example.org:443"));
    const { output } = await run();
    assert.match(output, /at https:\/\/api\.example\.org:443\.\n/);
    assert.equal(read().clusters[0]?.cluster.server, "https://api.example.org:443");
  });

  it("writes where Krustlet's script does, without CONFIG_DIR and FILE_NAME", async () => {
    process.env.CONFIG_DIR = "";
    process.env.HOME = folder;
    assert.equal((await run()).status, 0);
    assert.ok(existsSync(path(".krustlet/config/bootstrap.conf")));
    assert.equal(statSync(path(".krustlet")).mode & 0o777, 0o700);
    process.env.FILE_NAME = "edge.conf";
    assert.equal((await run()).status, 0);
    assert.ok(existsSync(path(".krustlet/config/edge.conf")));
  });

  it("puts a new ticket in the place of the former, which is worth nothing then", async () => {
    await run();
    const first = read().users[0]?.user.token;
    assert.equal((await run()).status, 0);
    const second = read().users[0]?.user.token;
    assert.notEqual(first, second);
    assert.deepEqual(
      made.map(({ stringData }) => stringData["token-id"]),
      [second?.slice(0, 6)],
    );
    assert.equal(statSync(place()).mode & 0o777, 0o600);
  });

  for (const [what, content] of [
    ["text", "mine"],
    ["nothing", ""],
    ["a kubeconfig of nobody", stringify({ users: [] })],
    ["a kubeconfig of a person", stringify({ users: [{ name: "a", user: { token: "secret" } }] })],
    [
      "a kubeconfig with a token and a key",
      stringify({ users: [{ user: { token: `abcdef.${"a".repeat(16)}`, "client-key": "k" } }] }),
    ],
  ] as const)
    it(`overwrites no file with ${what}, and asks nobody then, but with --force`, async () => {
      mkdirSync(path("conf"));
      writeFileSync(place(), content);
      const { status, errors } = await run();
      assert.equal(status, 2);
      assert.match(
        errors,
        /bootstrap\.conf is there already, is no ticket, and is not overwritten; .*give --force\n$/,
      );
      assert.deepEqual([asked, readFileSync(place(), "utf8")], [[], content]);
      assert.equal((await run("--force", "edge-01")).status, 0);
      assert.equal(statSync(place()).mode & 0o777, 0o600);
      assert.match(read().users[0]?.user.token ?? "", /\./);
    });

  it("follows no link", async () => {
    mkdirSync(path("conf"));
    writeFileSync(path("victim"), "mine");
    symlinkSync(path("victim"), place());
    const { status, errors } = await run();
    assert.equal(status, 2);
    assert.match(errors, /is no plain file; name another with CONFIG_DIR and FILE_NAME\n$/);
    assert.equal((await run("--force", "edge-01")).status, 0);
    assert.equal(readFileSync(path("victim"), "utf8"), "mine");
    assert.ok(statSync(place()).isFile());
  });

  for (const [name, told] of [
    ["worker-01", /^worker-01 is managed: 'pulumi up' lets it in, and it needs no ticket\n$/],
    ["edge-02", /^edge-02: no such node; of \S+ these are not managed: edge-01\n$/],
  ] as const)
    it(`makes none for ${name}`, async () => {
      const { status, errors } = await run(name);
      assert.equal(status, 2);
      assert.match(errors, told);
      assert.deepEqual(asked, []);
    });

  for (const [what, own] of [
    ["nothing", undefined],
    ["another address", { ...declaration, ip: "10.0.0.32" }],
    ["other names", { ...declaration, certSans: [] }],
    ["a node that is managed", { ip: "10.0.0.31", identity: "a", taints: [] }],
  ] as const)
    it(`makes none where the cluster has ${what} of the node`, async () => {
      declared = own && { "edge-01": own };
      const { status, errors } = await run();
      assert.equal(status, 2);
      assert.match(errors, /does not know edge-01 as \S+ declares it; run 'pulumi up' first\n$/);
      assert.deepEqual([made, readdirSync(path("conf"))], [[], []]);
    });

  it("makes none where it cannot be written", async () => {
    writeFileSync(path("file"), "");
    process.env.CONFIG_DIR = path("file/conf");
    const { status, errors } = await run();
    assert.equal(status, 2);
    assert.match(errors, /bootstrap\.conf cannot be (read|written): ENOTDIR/);
    assert.deepEqual(asked, []);
  });

  it("takes the token back where it cannot be bound, and leaves no file", async () => {
    refuse = /^PATCH/;
    const { status, errors } = await run();
    assert.equal(status, 2);
    assert.match(errors, /HTTP status 403: no right; it takes the administrator's kubeconfig\n$/);
    assert.deepEqual([made, readdirSync(path("conf"))], [[], []]);
  });

  it("makes none by a clock that the cluster's differs from", async () => {
    ahead = -3600;
    const { status, errors } = await run();
    assert.equal(status, 2);
    assert.match(
      errors,
      /^this machine's clock differs by 3[56]\d\d s from the cluster's, .*set it/,
    );
    assert.deepEqual([made, tickets, readdirSync(path("conf"))], [[], undefined, []]);
  });

  it("makes none by a kubeconfig without the cluster's authority", async () => {
    writeFileSync(
      path("admin.conf"),
      readFileSync(path("admin.conf"), "utf8").replace("-data", ""),
    );
    const { status, errors } = await run();
    assert.equal(status, 2);
    assert.match(errors, /names no authority of the cluster in itself; take it as 'pulumi stack/);
  });
});
