import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { readSnapshot } from "../../config/snapshotFile";
import { planOf, problemsOf, sampleFile, withValue } from "./clusterSample";

const withEtcd = (value: unknown) => withValue(sampleFile(), ["cluster", "etcd"], value);
const recipient = `age1${"q".repeat(58)}`;
const s3 = { endpoint: "https://s3.example.org", bucket: "backups", credentials_file: "s3" };
const credentials = "[default]\naws_access_key_id = A\naws_secret_access_key = B\n";

describe("what a file says of snapshots", () => {
  it("is one every hour, kept for a month, without a word", () => {
    const { snapshots, restore } = planOf(sampleFile()).etcd;
    assert.deepEqual(snapshots, {
      enabled: true,
      every: 3600,
      warnAfter: 3 * 3600,
      keep: { hourly: 24, daily: 7, weekly: 4 },
      recipients: [],
    });
    assert.equal(restore, undefined);
  });

  it("is how often, how many, to which keys, and where to", () => {
    const file = withEtcd({
      snapshots: {
        every: "30m",
        warn_after: "1d",
        recipients: [recipient],
        s3: { ...s3, prefix: "a/b" },
      },
    });
    const { snapshots } = planOf(file, { s3: credentials }).etcd;
    assert.equal(snapshots.every, 1800);
    assert.equal(snapshots.warnAfter, 86_400);
    assert.deepEqual(snapshots.recipients, [recipient]);
    assert.equal(snapshots.s3?.prefix, "a/b/sample/");
    assert.equal(snapshots.s3?.credentials, credentials);
  });

  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ snapshots: { every: "1m" } }, /every: 1m is too short; give ten minutes \(10m\) or more/],
    [{ snapshots: { every: "hourly" } }, /every: hourly is not a span of time/],
    [{ snapshots: { recipients: ["AGE-SECRET-KEY-1QQ"] } }, /is no public key of age/],
    [
      { snapshots: { s3: { ...s3, credentials_file: "gone" } } },
      /credentials_file: gone is no file/,
    ],
    [
      { snapshots: { s3: { ...s3, credentials_file: "empty" } } },
      /empty has no aws_access_key_id and no aws_secret_access_key/,
    ],
    [{ restore: { epoch: 0, snapshot: "a.db" } }, /epoch: 0 is too small/],
    [
      { restore: { epoch: 1, snapshot: "a.db.zst.age" } },
      /is encrypted, and no node has the key; decrypt it/,
    ],
    [{ restore: { epoch: 1, snapshot: "a.tar" } }, /has not the name of a snapshot/],
    [
      { restore: { epoch: 1, node: "master-01", snapshot: "../a.db" } },
      /is not the name of a snapshot on master-01/,
    ],
    [
      { restore: { epoch: 1, node: "worker-01", snapshot: "a.db" } },
      /worker-01 is no master that lives; name one of master-01/,
    ],
  ];
  for (const [etcd, message] of wrong)
    it(`is refused: ${String(message)}`, () => {
      const [problem = "", ...more] = problemsOf(withEtcd(etcd), { s3: credentials, empty: "x\n" });
      assert.match(problem, message);
      assert.deepEqual(more, []);
    });

  it("is where a restore begins, and what it reads", () => {
    const of = (restore: object) => planOf(withEtcd({ restore })).etcd.restore;
    const folder = "/var/lib/groundwork/snapshots";
    const own = of({ epoch: 2, node: "master-01", snapshot: "a.db.zst", discard_living: true });
    assert.equal(own?.path, `${folder}/a.db.zst`);
    assert.equal(own.source, undefined);
    assert.equal(own.discardLiving, true);
    const brought = of({ epoch: 3, snapshot: "/backups/a.db.zst" });
    assert.equal(brought?.path, `${folder}/restore-3.db.zst`);
    assert.equal(brought.source, "/backups/a.db.zst");
    assert.equal(brought.on.name, "master-01");
    assert.equal(brought.discardLiving, false);
  });
});

describe("a snapshot on the operator's machine", () => {
  let folder: string;
  before(() => void (folder = mkdtempSync(join(tmpdir(), "groundwork-snapshot-"))));
  after(() => rmSync(folder, { recursive: true }));
  const held = Buffer.from("what etcd held");
  const whole = Buffer.concat([held, createHash("sha256").update(held).digest()]);
  const write = (name: string, content: Buffer) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  it("is taken as it lies there, where its checksum is that of what it holds", async () => {
    assert.deepEqual(await readSnapshot(write("a.db", whole)), whole);
    const compressed = zstdCompressSync(whole);
    assert.deepEqual(await readSnapshot(write("a.db.zst", compressed)), compressed);
  });

  const refused = {
    "cut.db": [whole.subarray(0, -1), /is no whole snapshot of etcd/],
    "empty.db": [Buffer.alloc(0), /is no whole snapshot of etcd/],
    "cut.db.zst": [zstdCompressSync(whole).subarray(0, -9), /is no whole snapshot of etcd/],
    "other.db.zst": [held, /cannot be unpacked/],
  } as const;
  for (const [name, [content, message]] of Object.entries(refused))
    it(`is refused where it is not whole: ${name}`, async () => {
      await assert.rejects(readSnapshot(write(name, content)), message);
    });

  it("is refused where it is not there", async () => {
    await assert.rejects(
      readSnapshot(join(folder, "gone.db")),
      /gone\.db cannot be read \(ENOENT\)/,
    );
  });
});
