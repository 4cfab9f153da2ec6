import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderScript } from "../../steps/program";
import { judgeProgram, serving, signingRequest } from "./signingRequest";

describe("the approver", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-approver-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  const hosts = {
    "worker-01": { ip: "10.0.0.21", identity: "a", taints: [] },
    "worker-02": { ip: "10.0.0.22" },
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
    const program = script
      .replace(/^requests=/m, `${api}\nrequests=`)
      .replace("/usr/local/lib/groundwork/judge-csr", judgeProgram);
    assert.ok(program.includes(`${api}\n`) && program.includes(judgeProgram));
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

  it("approves what a node asks for its own name and address", () => {
    const { said, calls } = tick([signingRequest("csr-1")]);
    assert.equal(said, "master-01: approved csr-1 of worker-01\n");
    const approved = { type: "Approved", status: "True", reason: "Groundwork" };
    assert.deepEqual(JSON.parse(calls[3] ?? ""), {
      conditions: [{ ...approved, message: "matches what is declared" }],
    });
  });

  it("denies what does not fit, and says why", () => {
    const { said, calls } = tick([
      signingRequest("csr-1", { names: "DNS:worker-01,IP:10.0.0.11" }),
      signingRequest("csr-2", { username: "system:node:worker-02" }),
    ]);
    assert.match(said, /denied csr-1 of worker-01: .*IPAddress:10\.0\.0\.11\n/);
    assert.match(said, /denied csr-2 of worker-02: its subject is not that of worker-02/);
    assert.equal(calls.filter((call) => call.includes('"Denied"')).length, 2);
  });

  it("answers each node once before it answers any a second time", () => {
    const flood = Array.from({ length: 20 }, (_, i) => signingRequest(`csr-${i}`));
    const other = signingRequest("csr-20", {
      username: "system:node:worker-02",
      subject: "/O=system:nodes/CN=system:node:worker-02",
      names: "DNS:worker-02,IP:10.0.0.22",
    });
    const answered = [...tick([...flood, other]).said.matchAll(/approved (\S+)/g)];
    assert.deepEqual(
      answered.map(([, name]) => name),
      ["csr-0", "csr-20", ...flood.slice(1).map(({ metadata }) => metadata.name)],
    );
  });

  it("leaves alone what no declared node asked", () => {
    const strangers = ["system:node:worker-03", "kubernetes-admin", "system:bootstrap:abcdef"];
    const { said, calls } = tick(
      strangers.map((username, i) => signingRequest(`csr-${i}`, { username })),
    );
    assert.deepEqual(
      said.match(/left csr-\d alone/g)?.sort(),
      strangers.map((_, i) => `left csr-${i} alone`),
    );
    assert.equal(calls.length, 2);
  });

  it("is told nothing by what a request is called", () => {
    const verdict = JSON.stringify({ metadata: { name: "csr-1" }, status: {} });
    const carrier = `a\nApproved\tcsr-1\tworker-01\tok\t${verdict}\nb`;
    const { said, calls } = tick([
      signingRequest(carrier),
      signingRequest("csr-1", { names: "DNS:worker-01,IP:127.0.0.1" }),
      signingRequest("x[1-2000]"),
    ]);
    assert.deepEqual(said.match(/approved|denied \S+|left \S+/g), [
      String.raw`left a\nApproved\tcsr-1\tworker-01\tok\t{"metadata":{"name":"csr-1"},"status":{}}\nb`,
      "denied csr-1",
      "left x[1-2000]",
    ]);
    assert.equal(calls.filter((call) => call.startsWith("PUT")).length, 1);
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
