import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderScript } from "../../render/script";
import { type Asked, own, serving, signingRequest } from "./signingRequest";

describe("the approver", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-approver-"));
  });
  after(() => rmSync(folder, { recursive: true }));

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
    const done = signingRequest("csr-1", { conditions: [{ type: "Approved" }] });
    assert.deepEqual(tick([done]), {
      said: "",
      calls: [
        `GET /apis/certificates.k8s.io/v1/certificatesigningrequests?fieldSelector=spec.signerName=${serving}`,
      ],
    });
  });

  it("approves what a node asks for its own name, hostname and address", () => {
    const names = [own.names, "DNS:worker-01", "IP:10.0.0.21,DNS:rack7.example.org"];
    const { said, calls } = tick(names.map((names, i) => signingRequest(`csr-${i}`, { names })));
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
    const { said, calls } = tick(wrong.map(([, asked], i) => signingRequest(`csr-${i}`, asked)));
    const lines = said.trim().split("\n");
    for (const [i, [what, , reason]] of wrong.entries()) {
      assert.match(lines[i] ?? "", new RegExp(`denied csr-${i} of worker-0`), what);
      assert.match(lines[i] ?? "", reason, what);
    }
    assert.equal(calls.filter((call) => call.includes('"Denied"')).length, wrong.length);
  });

  it("leaves alone what no declared node asked", () => {
    const strangers = ["system:node:worker-03", "kubernetes-admin", "system:bootstrap:abcdef"];
    const { said, calls } = tick(
      strangers.map((username, i) => signingRequest(`csr-${i}`, { username })),
    );
    assert.deepEqual(
      said.match(/left csr-\d alone/g),
      strangers.map((_, i) => `left csr-${i} alone`),
    );
    assert.equal(calls.length, 2);
  });

  it("does not let one request stand in the way of the next", () => {
    const { said } = tick([
      signingRequest("csr-1", { username: "kubernetes-admin" }),
      signingRequest("csr-2", { names: "DNS:api" }),
      signingRequest("csr-3"),
    ]);
    assert.match(said, /left csr-1 alone[^]*denied csr-2[^]*approved csr-3/);
  });

  it("goes on when another master was first", () => {
    assert.match(
      tick([signingRequest("csr-1")], true).said,
      /csr-1 of worker-01 could not be answered/,
    );
  });
});
