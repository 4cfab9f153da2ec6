import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execute } from "../../commands/command";
import { timeline } from "../../commands/timeline";
import { readEvents } from "../../timeline/events";
import { pageData, renderPage } from "../../timeline/page";
import { eventLog, firstUp, secret } from "./eventLog";
import { written } from "./written";

const machine = (name: string) => ({
  name,
  type: "groundwork:index:Machine",
  component: true,
  begin: 0,
  end: 0,
});

describe("the timeline of a run", () => {
  it("has every resource's turn, from its first event to its last", () => {
    const run = readEvents(
      eventLog([
        { name: "a-prepare", begin: 1, end: 5 },
        { name: "b-prepare", op: "update", begin: 2, end: 9, failed: true },
        { name: "c-prepare", op: "delete", begin: 3 },
        { name: "d-prepare", op: "same", begin: 4, end: 4 },
        { name: "e-prepare", op: "replace", begin: 4, end: 4 },
      ]),
    );
    assert.deepEqual(
      run.turns.map(({ name, op, outcome }) => `${name} ${op} ${outcome}`),
      ["a-prepare create done", "b-prepare update failed", "c-prepare delete open"],
    );
    assert.equal(run.unchanged, 1);
    const [a, , c] = run.turns;
    assert.ok(a && a.end - a.begin >= 3 && a.end - a.begin <= 5);
    assert.equal(c?.end, run.lasted);
  });

  it("keeps the order of what Pulumi notes within one second", () => {
    const begin = 1;
    const { turns } = readEvents(
      eventLog([1, 2, 3].map((i) => ({ name: `n-${i}`, begin, end: begin }))),
    );
    for (const [i, turn] of turns.entries()) {
      assert.ok(turn.end > turn.begin && turn.end < 2);
      assert.ok(i === 0 || turn.begin > (turns[i - 1]?.begin ?? 0));
    }
  });

  it("puts steps to their machines, the longer name first, and the rest apart", () => {
    const { groups } = pageData(
      readEvents(
        eventLog([
          machine("db"),
          machine("db-2"),
          { name: "db-kubelet", begin: 1, end: 2 },
          { name: "db-2-kubelet", begin: 1, end: 2 },
          { name: "ceph-db-2-mon", begin: 2, end: 3 },
          { name: "etcd-genesis", begin: 2, end: 3 },
          { name: "pki-db-key", type: "tls:PrivateKey", begin: 1, end: 1 },
          { name: "dns", type: "kubernetes:apps/v1:Deployment", begin: 1, end: 1 },
        ]),
      ),
    );
    assert.deepEqual(
      Object.fromEntries(
        groups.map(({ name, bars }) => [name, bars.map(({ label, kind }) => `${label}: ${kind}`)]),
      ),
      {
        db: ["kubelet: node"],
        "db-2": ["kubelet: node", "ceph-mon: Ceph"],
        "the cluster": ["etcd-genesis: etcd"],
        "made by Pulumi": ["pki-db-key: keys"],
        "in Kubernetes": ["dns: Kubernetes"],
      },
    );
  });

  it("tells when nothing ran on a machine, and what ended before it went on", () => {
    const { groups } = pageData(
      readEvents(
        eventLog([
          machine("a"),
          { name: "a-claim", begin: 1, end: 3 },
          { name: "a-prepare", begin: 2, end: 6 },
          { name: "other", begin: 1, end: 20 },
          { name: "a-kubelet", begin: 21, end: 25 },
        ]),
      ),
    );
    const [{ begin, end, after } = assert.fail()] = groups[0]?.waits ?? [];
    assert.equal(groups[0]?.waits.length, 1);
    assert.equal(after, "other");
    assert.ok(begin >= 6 && begin < 7 && end >= 21 && end < 22);
  });

  it("shows nothing that a resource holds, and loads nothing from anywhere", () => {
    const log = eventLog(firstUp(3, 2));
    assert.ok(log.includes(secret));
    const page = renderPage(pageData(readEvents(log)));
    assert.ok(page.includes("master-03-control-plane"));
    assert.ok(!page.includes(secret), "a secret is in the page");
    assert.doesNotMatch(page, /https?:\/\/|src=|href=|url\(|@import/);
    assert.match(page, /Content-Security-Policy" content="default-src 'none';/);
  });

  it("cannot be left by a name", () => {
    const name = "</script><script>alert(1)</script>";
    const page = renderPage(pageData(readEvents(eventLog([{ name, begin: 1, end: 2 }]))));
    assert.ok(!page.includes("<script>alert"));
    assert.ok(page.includes("\\u003c/script>"));
  });
});

describe("npm run timeline", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "groundwork-timeline-"))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const run = async (log: string) => {
    writeFileSync(join(folder, "log"), log);
    let status = -1;
    let errors = "";
    const output = await written("stdout", async () => {
      errors = await written("stderr", async () => {
        status = await execute(timeline, [
          "--output",
          join(folder, "page.html"),
          join(folder, "log"),
        ]);
      });
    });
    return { status, output, errors };
  };

  it("writes the page, and names what was not done", async () => {
    const { status, output } = await run(eventLog([{ name: "a", begin: 1, end: 2, failed: true }]));
    assert.equal(status, 0);
    assert.match(output, /page\.html is written: 1 resources in \d s; not done: a\n$/);
    assert.match(readFileSync(join(folder, "page.html"), "utf8"), /^<!doctype html>/);
  });

  for (const [what, log, told] of [
    [
      "is no JSON",
      "Updating (dev)\n",
      /is no event log: line 1 is no JSON, or cut short; PULUMI_DEBUG_COMMANDS=true pulumi up/,
    ],
    ["is other JSON", '{"a": 1}\n', /line 1 is no event of Pulumi: timestamp;/],
    [
      "is a preview's",
      eventLog([{ name: "a", begin: 1, end: 2 }]).replaceAll(
        '{"metadata":',
        '{"planning":true,"metadata":',
      ),
      /tells of no resource that was changed/,
    ],
    [
      "changed nothing",
      eventLog([{ name: "a", op: "same", begin: 1, end: 1 }]),
      /tells of no resource that was changed/,
    ],
  ] as const) {
    it(`says so of a log that ${what}`, async () => {
      const { status, errors } = await run(log);
      assert.equal(status, 2);
      assert.match(errors, told);
    });
  }
});
