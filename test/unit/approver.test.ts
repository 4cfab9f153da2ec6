import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderScript } from "../../render/script";

const serving = "kubernetes.io/kubelet-serving";
const own = {
  subject: "/O=system:nodes/CN=system:node:worker-01",
  names: "DNS:worker-01,IP:10.0.0.21",
};

interface Asked {
  /** As `openssl req -subj` takes it. */
  readonly subject?: string;
  /** As a `subjectAltName`; empty for none. */
  readonly names?: string;
  readonly username?: string;
  readonly signerName?: string;
  /** Changes the request after it was signed. */
  readonly forge?: (der: Buffer) => Buffer;
  readonly conditions?: readonly unknown[];
}

describe("the approver", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-approver-"));
    const made = spawnSync("openssl", [
      "ecparam",
      "-name",
      "prime256v1",
      "-genkey",
      "-noout",
      "-out",
      join(folder, "key"),
    ]);
    assert.equal(made.status, 0, String(made.stderr));
  });
  after(() => rmSync(folder, { recursive: true }));

  function request(
    name: string,
    {
      subject = own.subject,
      names = own.names,
      username = "system:node:worker-01",
      signerName = serving,
      forge = (der) => der,
      conditions,
    }: Asked = {},
  ) {
    const extension = names === "" ? [] : ["-addext", `subjectAltName=${names}`];
    const { stdout, stderr, status } = spawnSync("openssl", [
      "req",
      "-new",
      "-key",
      join(folder, "key"),
      "-subj",
      subject,
      "-outform",
      "DER",
      ...extension,
    ]);
    assert.equal(status, 0, String(stderr));
    const lines =
      forge(stdout)
        .toString("base64")
        .match(/.{1,64}/g) ?? [];
    const pem = [
      "-----BEGIN CERTIFICATE REQUEST-----",
      ...lines,
      "-----END CERTIFICATE REQUEST-----",
      "",
    ].join("\n");
    return {
      metadata: { name, resourceVersion: "1" },
      spec: { request: Buffer.from(pem).toString("base64"), signerName, username },
      status: conditions ? { conditions } : {},
    };
  }

  const hosts = {
    "worker-01": { ip: "10.0.0.21", hostname: "rack7.example.org" },
    "worker-02": { ip: "10.0.0.22", hostname: "worker-02" },
  };

  /** One tick, with an API server that is a folder: what the approver asked, answered and said. */
  function tick(items: readonly unknown[], refusePut = false) {
    writeFileSync(join(folder, "requests"), JSON.stringify({ items }));
    writeFileSync(
      join(folder, "declared"),
      JSON.stringify({
        data: Object.fromEntries(
          Object.entries(hosts).map(([name, host]) => [name, JSON.stringify(host)]),
        ),
      }),
    );
    writeFileSync(join(folder, "calls"), "");
    const api = `api() {
      echo "$1 $2" >>${folder}/calls
      case "$1 $2" in
        GET*certificatesigningrequests\\?*) cat ${folder}/requests ;;
        GET*/configmaps/groundwork-nodes) cat ${folder}/declared ;;
        PUT*) ${refusePut ? "return 22" : `jq -c .status >>${folder}/calls`} ;;
      esac
    }`;
    const script = renderScript("approve", {
      NODE: "master-01",
      NODE_IP: "10.0.0.11",
      STEP: "approve",
      CLIENT: "/none",
    });
    const program = script.replace(/^requests=/m, `${api}\nrequests=`);
    assert.notEqual(program, script);
    const { status, stderr } = spawnSync("bash", { input: program, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return { said: stderr, calls: readFileSync(join(folder, "calls"), "utf8").trim().split("\n") };
  }

  it("asks one question when nothing waits", () => {
    const done = request("csr-1", { conditions: [{ type: "Approved" }] });
    assert.deepEqual(tick([done]), {
      said: "",
      calls: [
        `GET /apis/certificates.k8s.io/v1/certificatesigningrequests?fieldSelector=spec.signerName=${serving}`,
      ],
    });
  });

  it("approves what a node asks for its own name, hostname and address", () => {
    const names = [own.names, "DNS:worker-01", "IP:10.0.0.21,DNS:rack7.example.org"];
    const { said, calls } = tick(names.map((names, i) => request(`csr-${i}`, { names })));
    assert.equal(said, names.map((_, i) => `master-01: approved csr-${i} of worker-01\n`).join(""));
    const approved = { type: "Approved", status: "True", reason: "Groundwork" };
    assert.deepEqual(JSON.parse(calls[3] ?? ""), {
      conditions: [{ ...approved, message: "matches what is declared" }],
    });
  });

  const wrong: [string, Asked, RegExp][] = [
    ["another node's name", { names: "DNS:worker-01,DNS:worker-02" }, /DNS:worker-02/],
    ["another address", { names: "DNS:worker-01,IP:10.0.0.11" }, /IPAddress:10\.0\.0\.11/],
    [
      "a name that begins like its own",
      { names: "DNS:worker-01.example.org" },
      /DNS:worker-01\.example\.org/,
    ],
    ["a wildcard", { names: "DNS:*" }, /DNS:\*/],
    ["a URI", { names: "DNS:worker-01,URI:spiffe://a/b" }, /URI:spiffe/],
    ["a mail address", { names: "DNS:worker-01,email:a@b.c" }, /email:a@b\.c/],
    ["another node's subject", { subject: "/O=system:nodes/CN=system:node:worker-02" }, /subject/],
    [
      "an administrator's group",
      { subject: "/O=system:masters/CN=system:node:worker-01" },
      /subject/,
    ],
    [
      "two groups",
      { subject: "/O=system:nodes/O=system:masters/CN=system:node:worker-01" },
      /subject/,
    ],
    [
      "a signature that is not of its key",
      { forge: (der) => Buffer.from([...der.subarray(0, -1), (der.at(-1) ?? 0) ^ 1]) },
      /signature/,
    ],
    [
      "another node's name as that node's subject",
      { username: "system:node:worker-02" },
      /subject/,
    ],
  ];
  it("denies what does not fit, and says why", () => {
    const { said, calls } = tick(wrong.map(([, asked], i) => request(`csr-${i}`, asked)));
    const lines = said.trim().split("\n");
    for (const [i, [what, , reason]] of wrong.entries()) {
      assert.match(lines[i] ?? "", new RegExp(`denied csr-${i} of worker-0`), what);
      assert.match(lines[i] ?? "", reason, what);
    }
    assert.equal(calls.filter((call) => call.includes('"Denied"')).length, wrong.length);
  });

  it("leaves alone what no declared node asked", () => {
    const strangers = ["system:node:worker-03", "kubernetes-admin", "system:bootstrap:abcdef"];
    const { said, calls } = tick(strangers.map((username, i) => request(`csr-${i}`, { username })));
    assert.deepEqual(
      said.match(/left csr-\d alone/g),
      strangers.map((_, i) => `left csr-${i} alone`),
    );
    assert.equal(calls.length, 2);
  });

  it("does not let one request stand in the way of the next", () => {
    const { said } = tick([
      request("csr-1", { username: "kubernetes-admin" }),
      request("csr-2", { names: "DNS:api" }),
      request("csr-3"),
    ]);
    assert.match(said, /left csr-1 alone[^]*denied csr-2[^]*approved csr-3/);
  });

  it("goes on when another master was first", () => {
    assert.match(tick([request("csr-1")], true).said, /csr-1 of worker-01 could not be answered/);
  });
});
