import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = join(__dirname, "../../steps/snapshots");

/** What Python prints of an expression, with the programs of snapshots at hand. */
function python<T>(program: string): T {
  const { status, stdout, stderr } = spawnSync("python3", ["-B", "-c", program], {
    encoding: "utf8",
    env: { ...process.env, PYTHONPATH: folder },
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as T;
}

const today = Date.parse("2026-11-29T12:30:00Z");
const now = today / 1000;
const at = (hours: number) =>
  new Date(today - hours * 3_600_000).toISOString().replace(/[-:]|\.000/g, "");
const snapshot = (hours: number) => `etcd-${at(hours)}-r${10_000 - hours}-master-01.db.zst`;

/** The ages in hours of those that stay, of snapshots of these ages. */
function kept(ages: readonly number[], keep: Readonly<Record<string, number>>): number[] {
  const names = JSON.stringify(ages.map(snapshot));
  const gone = python<string[]>(
    `import json, retention; print(json.dumps(retention.stale(${names}, ${JSON.stringify(keep)}, ${now})))`,
  );
  return ages.filter((age) => !gone.includes(snapshot(age)));
}

const hours = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("which snapshots are kept", () => {
  it("are those of the last hours, then one a day, then one a week", () => {
    const stay = kept(hours(24 * 40), { hourly: 3, daily: 3, weekly: 2 });
    // Today's newest is the last hour's, this week's is today's: Sunday, 12:30. The days before end at 23:30.
    assert.deepEqual(stay, [0, 1, 2, 13, 37, 157]);
  });

  it("are one of each hour, the newest, however many there are of it", () => {
    const stay = kept([0, 1.1, 1.2, 2.1, 2.2], { hourly: 24, daily: 0, weekly: 0 });
    assert.deepEqual(stay, [0, 1.1, 2.1]);
  });

  it("are all of the last hour, too, one of which somebody may be about to restore", () => {
    const stay = kept([0, 0.1, 0.9, 1.1], { hourly: 1, daily: 0, weekly: 0 });
    assert.deepEqual(stay, [0, 0.1, 0.9]);
  });

  it("reach over hours that have none", () => {
    assert.deepEqual(kept([0, 30, 400, 900], { hourly: 3, daily: 0, weekly: 0 }), [0, 30, 400]);
  });

  it("are the newest where none is to be kept, and none where there is none", () => {
    assert.deepEqual(kept([5, 6], { hourly: 0, daily: 0, weekly: 0 }), [5]);
    assert.deepEqual(kept([], { hourly: 1, daily: 1, weekly: 1 }), []);
  });

  it("grow with the logarithm of their age: by default a month is 35", () => {
    const stay = kept(hours(24 * 60), { hourly: 24, daily: 7, weekly: 4 });
    assert.ok(stay.length <= 35, `${stay.length}`);
    assert.ok(Math.max(...stay) > 24 * 20);
  });

  it("are those of a time to come, too, which take nobody's place", () => {
    const keep = { hourly: 1, daily: 1, weekly: 1 };
    assert.deepEqual(kept([-100_000, -1, 0, 2, 3], keep), [-100_000, -1, 0]);
  });

  it("are those whose name has no time, too", () => {
    const names = JSON.stringify([
      "etcd-20269999T000000Z-r1-a.db.zst",
      "etcd-00000000T000000Z-r1-a.db.zst",
    ]);
    const keep = JSON.stringify({ hourly: 0, daily: 0, weekly: 0 });
    assert.deepEqual(
      python(
        `import json, retention; print(json.dumps(retention.stale(${names}, ${keep}, ${now})))`,
      ),
      [],
    );
  });

  it("are the last five that were taken before something, too", () => {
    const before = (i: number) =>
      snapshot(i).replace(".db", i % 2 ? ".before-upgrade.db" : ".before-removal.db");
    const names = JSON.stringify([snapshot(0), ...hours(8).map((i) => before(1000 + i))]);
    const keep = JSON.stringify({ hourly: 1, daily: 1, weekly: 1 });
    const gone = python<string[]>(
      `import json, retention; print(json.dumps(retention.stale(${names}, ${keep}, ${now})))`,
    );
    assert.deepEqual(
      gone,
      [1005, 1006, 1007].map((age) => before(age)),
    );
  });
});

describe("backups of the state", () => {
  let store: string;
  beforeEach(() => (store = mkdtempSync(join(tmpdir(), "groundwork-states-"))));
  afterEach(() => rmSync(store, { recursive: true }));
  const names = (count: number) =>
    Array.from({ length: count }, (_, i) => `state-202611${10 + i}T000000Z.json.zst.age`);
  const keep = (name: string) =>
    python<{ backup?: { name: string }; failure?: string }>(`
import json, snapshot
state = {}
try:
    snapshot.keep_state("${store}", {"s3": None}, state, "${name}")
except snapshot.Failure as error:
    state["failure"] = str(error)
print(json.dumps(state))`);

  it("are kept, the last ten of them", () => {
    for (const name of names(12)) writeFileSync(join(store, name), "");
    assert.equal(keep(names(12)[11] ?? "").backup?.name, names(12)[11]);
    assert.deepEqual(readdirSync(store).sort(), names(12).slice(2));
  });

  it("are kept though others are of a time to come", () => {
    for (const name of names(12)) writeFileSync(join(store, name), "");
    assert.equal(keep(names(1)[0] ?? "").backup?.name, names(1)[0]);
    assert.deepEqual(readdirSync(store).sort(), [...names(1), ...names(12).slice(2)]);
  });

  it("are what was brought, and nothing else", () => {
    for (const name of ["../state-20261110T000000Z.json.zst.age", "state.json", names(1)[0] ?? ""])
      assert.equal(keep(name).failure, `there is no backup ${name}`);
  });
});
