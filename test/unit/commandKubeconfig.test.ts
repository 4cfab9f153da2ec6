import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execute } from "../../commands/command";
import { kubeconfig } from "../../commands/kubeconfig";
import { written } from "./written";

interface Csr {
  metadata: { name: string };
  spec: { request: string; signerName: string; expirationSeconds: number; usages: string[] };
  status?: { certificate?: string; conditions?: { type: string; message: string }[] };
}
const csrs = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const decode = (text = "") => Buffer.from(text, "base64").toString();

describe("npm run kubeconfig", () => {
  let folder: string;
  let server: Server;
  let csr: Csr | undefined;
  /** What is done with a request when it is approved. */
  let sign: (csr: Csr) => Csr["status"];
  let refuse: number | undefined;
  let asked: string[];
  const path = (name: string) => join(folder, name);

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-kubeconfig-"));
    [csr, refuse, asked] = [undefined, undefined, []];
    sign = (it) => ({ ...it.status, certificate: signed(decode(it.spec.request)) });
    server = createServer((request, response) => {
      let text = "";
      request.on("data", (chunk: Buffer) => (text += chunk.toString()));
      request.on("end", () => {
        asked.push(`${request.method} ${request.url}`);
        const body = (text === "" ? {} : JSON.parse(text)) as Csr;
        if (request.method === "POST") csr = { ...body, metadata: { name: "one" } };
        if (request.method === "PUT") csr = { ...body, status: sign(body) };
        const answer = refuse === undefined ? csr : { kind: "Status", message: "no right" };
        response.writeHead(refuse ?? 200, { "Content-Type": "application/json" });
        response.end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const cluster = (host: string) => ({
      server: `http://${host}`,
      "insecure-skip-tls-verify": true,
    });
    const context = (name: string, user = "admin") => ({ name, context: { cluster: name, user } });
    const config = {
      "current-context": "lab",
      clusters: ["lab", "lab-master-01", "other"].map((name) => ({
        name,
        cluster: cluster(`127.0.0.1:${port}`),
      })),
      contexts: [context("lab"), context("lab-master-01"), context("other", "stranger")],
      users: [
        { name: "admin", user: { token: "ADMINS-OWN" } },
        { name: "stranger", user: { token: "STRANGERS" } },
      ],
    };
    writeFileSync(path("admin.conf"), JSON.stringify(config));
    const ca = spawnSync(
      "openssl",
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${path("ca.key")} -out ${path("ca.crt")} -days 2 -subj /CN=ca`.split(
        " ",
      ),
    );
    assert.equal(ca.status, 0);
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  /** As the controller manager signs; in base64. */
  function signed(request: string): string {
    const { stdout, stderr } = spawnSync(
      "openssl",
      ["x509", "-req", "-CA", path("ca.crt"), "-CAkey", path("ca.key"), "-days", "1"],
      { input: request, encoding: "utf8" },
    );
    assert.match(stderr, /Certificate request self-signature ok/);
    return Buffer.from(stdout).toString("base64");
  }

  const run = async (...args: string[]) => {
    let status = -1;
    let errors = "";
    const output = await written("stdout", async () => {
      errors = await written("stderr", async () => {
        status = await execute(kubeconfig, [
          "--kubeconfig",
          path("admin.conf"),
          "--output",
          path("out"),
          ...args,
        ]);
      });
    });
    return { status, output, errors };
  };

  it("asks for a certificate for this user, these groups and days, approves it, and keeps the key here", async () => {
    const { status, output, errors } = await run(
      "--user",
      "alice",
      "--group",
      "dev",
      "--group",
      "ops",
      "--days",
      "3",
    );
    assert.equal(status, 0, errors);
    assert.deepEqual(asked, [`POST ${csrs}`, `PUT ${csrs}/one/approval`, `GET ${csrs}/one`]);
    const { request, ...spec } = csr?.spec ?? assert.fail();
    assert.deepEqual(spec, {
      signerName: "kubernetes.io/kube-apiserver-client",
      expirationSeconds: 3 * 24 * 3600,
      usages: ["client auth"],
    });
    assert.match(decode(request), /BEGIN CERTIFICATE REQUEST/);
    assert.equal(csr?.status?.conditions?.[0]?.type, "Approved");
    const text = readFileSync(path("out"), "utf8");
    assert.equal(statSync(path("out")).mode & 0o777, 0o600);
    assert.doesNotMatch(text, /ADMINS-OWN|STRANGERS|other/);
    type Config = {
      "current-context": string;
      contexts: { name: string; context: { user: string } }[];
      users: { user: Record<string, string> }[];
    };
    const config = JSON.parse(text) as Config;
    assert.equal(config["current-context"], "lab");
    assert.deepEqual(
      config.contexts.map(({ name, context }) => [name, context.user]),
      [
        ["lab", "alice"],
        ["lab-master-01", "alice"],
      ],
    );
    const [user] = config.users.map(({ user }) => user);
    const certificate = new X509Certificate(decode(user?.["client-certificate-data"]));
    const key = decode(user?.["client-key-data"]);
    assert.equal(certificate.subject, "CN=alice\nO=dev\nO=ops");
    assert.ok(certificate.checkPrivateKey(createPrivateKey(key)));
    assert.ok(!output.includes(key), "the key is printed");
    assert.match(
      output,
      /out is written, for alice at http:\S+, until \d{4}-.*\n.*--group dev --namespace/,
    );
  });

  it("takes names as they are written, also those that spell another in hexadecimal", async () => {
    const names = ["#0c0e73797374656d3a6d617374657273", "#team", "a,O=b+c"];
    const groups = names.flatMap((name) => ["--group", name]);
    const { status, errors } = await run("--user", "#0c05616c696365", ...groups);
    assert.equal(status, 0, errors);
    const { stdout } = spawnSync(
      "openssl",
      ["req", "-noout", "-subject", "-nameopt", "multiline,utf8"],
      { input: decode(csr?.spec.request), encoding: "utf8" },
    );
    const values = stdout.split("\n").flatMap((line) => / = (.*)/.exec(line)?.[1] ?? []);
    assert.deepEqual(values, ["#0c05616c696365", ...names]);
  });

  it("asks with what KUBECONFIG names, if that is one file", async () => {
    const former = process.env.KUBECONFIG;
    const asks = async (names: string) => {
      process.env.KUBECONFIG = names;
      let status = -1;
      const errors = await written("stderr", () =>
        written("stdout", async () => {
          status = await execute(kubeconfig, [
            "--user",
            "a",
            "--output",
            path(String(asked.length)),
          ]);
        }).then(() => undefined),
      );
      return { status, errors };
    };
    try {
      assert.equal((await asks(`${path("admin.conf")}:`)).status, 0);
      const { status, errors } = await asks(`${path("admin.conf")}:/gone`);
      assert.equal(status, 2);
      assert.match(errors, /^KUBECONFIG names 2 files, and one is asked with; name the admin/);
    } finally {
      if (former === undefined) delete process.env.KUBECONFIG;
      else process.env.KUBECONFIG = former;
    }
  });

  it("is understood by kubectl's own library", async () => {
    assert.equal((await run("--user", "alice")).status, 0);
    const { KubeConfig } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    config.loadFromFile(path("out"));
    assert.equal(config.getCurrentUser()?.name, "alice");
    assert.equal(config.getCurrentCluster()?.skipTLSVerify, true);
  });

  it("overwrites nothing, and asks nobody then", async () => {
    writeFileSync(path("out"), "mine");
    const { status, errors } = await run("--user", "alice");
    assert.equal(status, 2);
    assert.match(
      errors,
      /out is there already, and is not overwritten; name another with --output FILE\n$/,
    );
    assert.deepEqual(asked, []);
    assert.equal(readFileSync(path("out"), "utf8"), "mine");
  });

  for (const [args, told] of [
    [[], /^whose it is must be said: --user NAME/],
    [
      ["--user", "system:admin"],
      /^--user system:admin is a name of Kubernetes' own parts,.*give another/,
    ],
    [
      ["--user", "a", "--group", "system:masters"],
      /^--group system:masters .* kubeadm:cluster-admins, from which RBAC/,
    ],
    [
      ["--user", "a", "--group", "system:nodes"],
      /^--group system:nodes is a name of Kubernetes' own parts/,
    ],
    [["--user", "a b"], /^--user "a b" is no name for a certificate; give 1 to 64/],
    [["--user", "a", "--days", "0"], /^--days 0 is no whole number from 1 to 365/],
    [["--user", "a", "--days", "1.5"], /^--days 1\.5 is no/],
    [
      ["--user", "a", "--kubeconfig", "/gone"],
      /^\/gone is no kubeconfig: ENOENT.*pulumi stack output --show-secrets/,
    ],
    [
      ["--user", "a", "--kubeconfig", "/dev/null"],
      /^\/dev\/null (is no kubeconfig|has no current context)/,
    ],
  ] as const) {
    it(`refuses ${args.join(" ") || "to make one for nobody"}`, async () => {
      const { status, errors } = await run(...args);
      assert.equal(status, 2);
      assert.match(errors, told);
      assert.deepEqual(asked, []);
    });
  }

  it("says in the API's words why it is refused", async () => {
    refuse = 403;
    assert.match(
      (await run("--user", "a")).errors,
      /^http:\S+ refuses it with HTTP status 403: no right; it takes the administrator's kubeconfig\n$/,
    );
    refuse = 500;
    assert.match((await run("--user", "a")).errors, /HTTP status 500: no right\n$/);
  });

  it("says so where nobody answers, or signs", async () => {
    sign = () => ({ conditions: [{ type: "Failed", message: "expired" }] });
    assert.match((await run("--user", "a")).errors, /^the cluster does not sign one: expired\n$/);
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    assert.match((await run("--user", "a")).errors, /does not answer: .*ECONNREFUSED.*; see that/);
  });
});
