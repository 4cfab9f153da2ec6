import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { admissionFiles } from "../../steps/control-plane/admission";
import { part } from "../../steps/program";
import { FakeApi } from "./fakeApi";
import { client, signingRequest } from "./signingRequest";

const worker02 = {
  username: "system:node:worker-02",
  subject: "/O=system:nodes/CN=system:node:worker-02",
  names: "DNS:worker-02,IP:10.0.0.22",
};

const bare = (name: string) => ({
  metadata: { name, uid: `uid-of-${name}`, resourceVersion: "1" },
  status: {},
});

describe("the admission of nodes", function () {
  this.timeout(30_000);
  let api: FakeApi;
  let service: ChildProcess;
  let said: string;

  beforeEach(async () => {
    api = new FakeApi();
    api.declared = {
      "worker-01": JSON.stringify({ ip: "10.0.0.21", identity: "a", taints: [] }),
      "worker-02": JSON.stringify({ ip: "10.0.0.22" }),
    };
    await api.start();
    // What lies on a master: without comments.
    const folder = join(api.folder, "admission");
    mkdirSync(folder);
    for (const { path, part: source } of admissionFiles())
      if (source !== undefined) writeFileSync(join(folder, basename(path)), part(source).text);
    const args = ["-IB", folder, api.url, api.authority, api.client];
    service = spawn("/usr/bin/python3", args, { stdio: ["ignore", "pipe", "pipe"] });
    said = "";
    const hear = (text: string) => (said += text);
    service.stdout?.setEncoding("utf8").on("data", hear);
    service.stderr?.setEncoding("utf8").on("data", hear);
    await until("it watches", () => api.watching === 1);
  });
  afterEach(async () => {
    service.kill("SIGKILL");
    await api.stop();
    api.remove();
  });

  async function until(what: string, done: () => boolean): Promise<void> {
    for (let i = 0; i < 400; i++) {
      assert.equal(service.exitCode, null, `it ended: ${said}`);
      if (done()) return;
      await sleep(25);
    }
    assert.fail(`not within 10 s: ${what}\n${said}`);
  }
  const names = () => api.answered.map(({ metadata }) => metadata.name);
  const answered = (...wanted: readonly string[]) =>
    until(`${wanted.join()} answered`, () => wanted.every((name) => names().includes(name)));
  /** Nothing: it is not declared any more. */
  const declare = (node: string, own?: object) => {
    const others = Object.entries(api.declared ?? {}).filter(([name]) => name !== node);
    api.declared = Object.fromEntries(others);
    if (own) api.declared[node] = JSON.stringify(own);
  };

  it("approves what a node asks for its own name and address, of the version that it judged", async () => {
    api.post(signingRequest("csr-1"));
    await answered("csr-1");
    const [{ metadata, status, spec } = signingRequest("none")] = api.answered;
    assert.equal(metadata.resourceVersion, "1");
    assert.deepEqual(spec.groups, signingRequest("csr-1").spec.groups);
    const approved = { type: "Approved", status: "True", reason: "Groundwork" };
    assert.deepEqual(status, {
      conditions: [{ ...approved, message: "matches what is declared" }],
    });
    await until("it says so", () => said === "approved csr-1 of worker-01\n");
  });

  it("approves the first certificate of a node that joins, with its token and as long as that is good", async () => {
    const first = { signerName: client, names: "" };
    declare("worker-01", { ip: "10.0.0.21", token: "abcdef", until: "2020-01-01T00:00:00Z" });
    api.post(signingRequest("csr-1", first));
    await until("it is left alone", () =>
      said.includes("left csr-1 alone: system:bootstrap:abcdef"),
    );
    declare("worker-01", { ip: "10.0.0.21", token: "abcdef", until: "2999-01-01T00:00:00Z" });
    api.post(signingRequest("csr-2", first));
    await answered("csr-2");
    assert.deepEqual(names(), ["csr-2"]);
  });

  it("approves renewals of a client's certificate, of declared nodes only", async () => {
    const renewal = { signerName: client, names: "", username: "system:node:worker-01" };
    api.post(signingRequest("csr-1", renewal));
    await answered("csr-1");
    declare("worker-01");
    api.post(signingRequest("csr-2", renewal), signingRequest("csr-3", worker02));
    await answered("csr-3");
    assert.deepEqual(names(), ["csr-1", "csr-3"]);
    assert.match(
      said,
      /left csr-2 alone: system:node:worker-01 is not declared in ConfigMap kube-system\/groundwork-nodes/,
    );
  });

  it("goes by no declaration that is older than its decision", async () => {
    let show = () => {};
    api.hold = new Promise((resolve) => (show = resolve));
    api.post(signingRequest("csr-1", worker02));
    await until("it asks what is declared", () =>
      api.asked.some((one) => one.includes("configmaps")),
    );
    api.post(signingRequest("csr-2"));
    declare("worker-01");
    show();
    await answered("csr-1");
    await until("csr-2 is judged", () => said.includes("left csr-2 alone"));
    assert.equal(api.asked.filter((one) => one.includes("configmaps")).length, 2);
  });

  it("denies what does not fit, says why, and goes on", async () => {
    api.post(
      signingRequest("csr-1", { names: "DNS:worker-01,IP:10.0.0.11" }),
      signingRequest("csr-2", { username: "system:node:worker-02" }),
      signingRequest("csr-3"),
    );
    await answered("csr-1", "csr-2", "csr-3");
    const types = api.answered.map(({ metadata: { name }, status }) => [
      name,
      (status.conditions?.[0] as { type: string }).type,
    ]);
    assert.deepEqual(Object.fromEntries(types), {
      "csr-1": "Denied",
      "csr-2": "Denied",
      "csr-3": "Approved",
    });
    await until("it says why", () => said.includes("approved csr-3"));
    assert.match(said, /denied csr-1 of worker-01: .*IPAddress:10\.0\.0\.11\n/);
    assert.match(said, /denied csr-2 of worker-02: its subject is not that of worker-02/);
  });

  it("answers what was asked before it looked, and nothing twice", async () => {
    await api.stop();
    const done = signingRequest("csr-1", { conditions: [{ type: "Approved" }] });
    api.post(done, signingRequest("csr-2"));
    await api.start();
    await answered("csr-2");
    api.end();
    await until("it watches again", () => api.watching === 1);
    api.post(signingRequest("csr-3"));
    await answered("csr-3");
    assert.deepEqual(names(), ["csr-2", "csr-3"]);
  });

  it("lets a thousand requests of one node delay nobody, and keeps few of them", async () => {
    let show = () => {};
    api.hold = new Promise((resolve) => (show = resolve));
    const { spec } = signingRequest("flood");
    api.post(...Array.from({ length: 1000 }, (_, i) => ({ ...bare(`csr-${i}`), spec })));
    await until("it asks what is declared", () =>
      api.asked.some((one) => one.includes("configmaps")),
    );
    api.post(signingRequest("other", worker02));
    // All of it has come in when the last has.
    await sleep(1000);
    show();
    await answered("other");
    assert.ok(names().indexOf("other") <= 2, names().join());
    await sleep(1000);
    assert.ok(names().length <= 18, `${names().length} were kept`);
    api.end();
    await until("the next ones come with the next watch", () => names().length > 18);
  });
  it("leaves alone what no declared node asked, and what other signers sign", async () => {
    const strangers = ["system:node:worker-03", "kubernetes-admin", "system:bootstrap:abcdef"];
    api.post(...strangers.map((username, i) => signingRequest(`csr-${i}`, { username })));
    api.post(signingRequest("csr-3", { signerName: "kubernetes.io/kube-apiserver-client" }));
    api.post(signingRequest("csr-4"));
    await answered("csr-4");
    assert.deepEqual(names(), ["csr-4"]);
    assert.deepEqual(
      said.match(/left csr-\d alone/g)?.sort(),
      strangers.map((_, i) => `left csr-${i} alone`),
    );
    // Once, however often they come round.
    api.end();
    await until("it watches again", () => api.watching === 1);
    api.post(signingRequest("csr-5"));
    await answered("csr-5");
    api.end();
    await until("it watches once more", () => api.watching === 1);
    api.post(signingRequest("csr-6"));
    await answered("csr-6");
    assert.equal(said.match(/left/g)?.length, strangers.length, said);
  });

  it("is told nothing by what a request is called", async () => {
    const verdict = JSON.stringify({ metadata: { name: "csr-1" }, status: {} });
    const carrier = `a\nApproved\tcsr-1\tworker-01\tok\t${verdict}\nb`;
    api.post(signingRequest(carrier), signingRequest("x[1-2000]"), signingRequest("../../nodes/a"));
    api.post(signingRequest("csr-1", { names: "DNS:worker-01,IP:127.0.0.1" }));
    await answered("csr-1");
    assert.deepEqual(names(), ["csr-1"]);
    assert.equal((api.answered[0]?.status.conditions?.[0] as { type: string }).type, "Denied");
    assert.match(said, /^left a\\nApproved\\tcsr-1\\tworker-01\\tok\\t\{/);
    assert.doesNotMatch(said, /[^ -~\n]/);
  });

  it("reads no request that is longer than any kubelet's, and goes on behind it", async () => {
    api.post(signingRequest("csr-1", { pem: "a".repeat(1_000_000) }), signingRequest("csr-2"));
    await answered("csr-2");
    assert.deepEqual(names(), ["csr-2"]);
  });

  it("lets another master be first", async () => {
    api.refuse = ({ metadata }) => (metadata.name === "csr-1" ? 409 : undefined);
    api.post(signingRequest("csr-1"), signingRequest("csr-2"));
    await answered("csr-2");
    assert.equal(
      api.asked.filter((one) => one.startsWith("PUT") && one.includes("csr-1")).length,
      1,
    );
    await until("it says so, and no more", () => said === "approved csr-2 of worker-01\n");
  });

  for (const status of [500, 403, 429])
    it(`tries again what the API server refuses with ${status}, and lets others go before`, async () => {
      let times = 0;
      api.refuse = ({ metadata }) =>
        metadata.name === "csr-1" && times++ < 2 ? status : undefined;
      api.post(signingRequest("csr-1"), signingRequest("csr-2", worker02));
      await answered("csr-1", "csr-2");
      assert.deepEqual(names(), ["csr-2", "csr-1"]);
      assert.match(said, new RegExp(`csr-1 is not answered yet: HTTP ${status}`));
    });

  it("leaves nobody alone for a list of nodes that it may not read yet", async () => {
    api.refuseDeclared = 403;
    api.post(signingRequest("csr-1"));
    await until("it says so", () => said.includes("csr-1 is not answered yet: HTTP 403: no"));
    api.refuseDeclared = undefined;
    await answered("csr-1");
    assert.doesNotMatch(said, /alone/);
  });

  it("gives up what the API server will never take, until it comes round again", async () => {
    api.refuse = ({ metadata }) => (metadata.name === "csr-1" ? 422 : undefined);
    api.post(signingRequest("csr-1"));
    await until("it says so", () =>
      said.includes("csr-1 of worker-01 cannot be answered: HTTP 422"),
    );
    await sleep(1000);
    assert.equal(api.asked.filter((one) => one.startsWith("PUT")).length, 1);
    api.refuse = () => undefined;
    api.end();
    await answered("csr-1");
  });

  it("outlives its API server, and asks the next one as soon as it answers", async () => {
    await api.stop();
    api.post(signingRequest("csr-1"));
    await until("it says so", () => said.includes("the API server does not tell what is asked: "));
    await sleep(1500);
    assert.equal(said.split("\n").filter((line) => line.includes("refused")).length, 1, said);
    await api.start();
    await answered("csr-1");
  });

  for (const [what, line] of [
    [
      "says that what it watches is gone",
      '{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}\n',
    ],
    ["talks nonsense", "<html>\n"],
    ["stops in the middle", '{"type":"ADDED","obj'],
  ] as const)
    it(`watches anew when the API server ${what}`, async () => {
      api.end(line);
      await until("it watches again", () => api.watching === 1);
      api.post(signingRequest("csr-1"));
      await answered("csr-1");
    });

  it("ends as a whole when half of it does, so that it is started anew", async () => {
    const ended = once(service, "close");
    api.end('{"type":"ADDED"}\n');
    const late = sleep(5000, undefined, { ref: false }).then(() => ["it goes on without looking"]);
    assert.deepEqual((await Promise.race([ended, late]))[0], 1, said);
    assert.match(said, /KeyError/);
  });

  describe("of nodes that are not managed", () => {
    const edge = {
      signerName: client,
      names: "",
      username: "system:bootstrap:fedcba",
      subject: "/O=system:nodes/CN=system:node:edge-01",
    };
    const ticket = (more: object = {}) => ({
      "edge-01": JSON.stringify({ token: "fedcba", until: "2999-01-01T00:00:00Z", ...more }),
    });
    const used = () =>
      (JSON.parse(api.tickets?.["edge-01"] ?? "{}") as { usedFor?: string }).usedFor;
    beforeEach(() => {
      declare("edge-01", { ip: "10.0.0.31", managed: false, certSans: ["edge.example.org"] });
      api.tickets = ticket();
    });

    it("takes a ticket for one request, which it notes before it approves it, and denies the next", async () => {
      let before: string | undefined;
      api.refuse = () => {
        before ??= used();
        return undefined;
      };
      api.post(signingRequest("csr-1", edge));
      await answered("csr-1");
      assert.equal(before, "uid-of-csr-1");
      api.post(signingRequest("csr-2", edge));
      await answered("csr-2");
      const conditions = api.answered.map(({ status }) => JSON.stringify(status));
      assert.match(conditions[0] ?? "", /Approved/);
      assert.match(conditions[1] ?? "", /Denied.*its ticket has been used, for another request/);
      assert.equal(used(), "uid-of-csr-1");
      await until("it says why", () => said.includes("denied csr-2 of edge-01: its ticket has"));
    });

    it("does not use a ticket up for what it denies", async () => {
      const forged = { ...edge, subject: "/O=system:nodes/CN=system:node:worker-01" };
      api.post(signingRequest("csr-1", forged));
      await answered("csr-1");
      assert.equal(used(), undefined);
      await until("it says why", () =>
        said.includes("denied csr-1 of edge-01: its subject is not that of edge-01"),
      );
      api.post(signingRequest("csr-2", edge));
      await until("it is approved", () => said.includes("approved csr-2 of edge-01"));
    });

    it("judges anew where another master used the ticket first", async () => {
      api.shown = () => {
        api.shown = () => {};
        api.tickets = ticket({ usedFor: "uid-of-csr-0" });
      };
      api.post(signingRequest("csr-1", edge));
      await answered("csr-1");
      assert.match(JSON.stringify(api.answered[0]?.status), /Denied/);
      assert.equal(used(), "uid-of-csr-0");
    });

    it("goes on with the request that it had used the ticket for when it was killed", async () => {
      api.tickets = ticket({ usedFor: "uid-of-csr-1" });
      api.post(signingRequest("csr-1", edge));
      await until("it is approved", () => said.includes("approved csr-1 of edge-01"));
    });

    it("leaves alone whose ticket is over, or replaced, or of whom nothing is declared", async () => {
      api.tickets = ticket({ until: "2020-01-01T00:00:00Z" });
      api.post(signingRequest("csr-1", edge));
      await until("csr-1 is left alone", () => said.includes("left csr-1 alone"));
      api.tickets = ticket({ token: "other0" });
      api.post(signingRequest("csr-2", edge));
      await until("csr-2 is left alone", () => said.includes("left csr-2 alone"));
      api.tickets = ticket();
      declare("edge-01");
      api.post(signingRequest("csr-3", edge));
      await until("csr-3 is left alone", () => said.includes("left csr-3 alone"));
      api.tickets = undefined;
      declare("edge-01", { ip: "10.0.0.31", managed: false, certSans: [] });
      api.post(signingRequest("csr-4", edge));
      await until("csr-4 is left alone", () => said.includes("left csr-4 alone"));
      assert.deepEqual(names(), []);
    });

    it("approves nothing where it cannot note that the ticket is used", async () => {
      api.refuseChange = 403;
      api.post(signingRequest("csr-1", edge));
      await until("it says so", () => said.includes("csr-1 is not answered yet: HTTP 403"));
      assert.deepEqual(names(), []);
      api.refuseChange = undefined;
      await answered("csr-1");
    });

    it("asks for tickets only where there is somebody who needs one", async () => {
      declare("edge-01");
      api.post(signingRequest("csr-1"));
      await answered("csr-1");
      assert.ok(!api.asked.some((one) => one.includes("groundwork-tickets")));
    });
  });

  it("knows nobody where nothing is declared, or what is declared cannot be read", async () => {
    api.declared = { "worker-01": "{", "worker-02": '["a"]', "worker-03": '{"until": 5}' };
    api.post(signingRequest("csr-1"));
    await until("it is left alone", () => said.includes("left csr-1 alone"));
    assert.match(
      said,
      /what ConfigMap kube-system\/groundwork-nodes has of worker-01 is not read: \{/,
    );
    api.declared = undefined;
    api.post(signingRequest("csr-2"));
    await until("it is left alone", () => said.includes("left csr-2 alone"));
    assert.deepEqual(names(), []);
  });
});
