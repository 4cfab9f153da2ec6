import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertIsTheFile } from "./expected";
import { converge, eventually, kubectl, must, on, preview, root, run, up } from "./lab";
import { killedAt } from "./operator";
import { backups, setEtcd, snapshots, stateOf, take } from "./snapshots";

const status = "npm run --silent status -- --file .lab/cluster.yaml";

/** The file that the lab writes anew, with the restore. */
function ask(restore: object): void {
  setEtcd(["restore"], restore);
}

const fetch = (name: string, as = name) => {
  mkdirSync(backups, { recursive: true });
  must(`lab/ssh master-01 cat ${snapshots}/${name} >${backups}/${as}`);
  return `backups/${as}`;
};

/** Objects of this test by name. */
const objects = () =>
  kubectl("-n drill get configmaps -o name")
    .trim()
    .split("\n")
    .filter((name) => name.includes("/drill-"));
const write = (from: number, to: number) =>
  kubectl(
    "-n drill apply -f - >/dev/null",
    Array.from({ length: to - from }, (_, i) =>
      JSON.stringify({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: `drill-${from + i}`, namespace: "drill" },
        data: { at: String(Date.now()) },
      }),
    ).join("\n---\n"),
  );
const podsRun = () =>
  kubectl("-n drill wait --for=condition=Available deployment/drill --timeout=90s");

/** `up`, and how many seconds it took. */
function timed(what: string): void {
  const began = Date.now();
  converge();
  console.log(`      ${what}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

/** On the bare machines of `clusters/pair.yaml`. */
describe("snapshots of etcd", function () {
  this.timeout(900_000);
  let server: ChildProcess | undefined;
  after(() => server?.kill());

  before(async () => {
    must("pulumi stack select dev --create");
    converge();
    kubectl("create namespace drill --dry-run=client -o yaml | kubectl apply -f -");
    const deployment = "create deployment drill --image=registry.k8s.io/pause:3.10.1 --replicas=2";
    kubectl(`-n drill ${deployment} --dry-run=client -o yaml | kubectl apply -f -`);
    write(0, 200);
    podsRun();
    await assertIsTheFile();
  });

  it("are taken by themselves, and told of", async () => {
    const { good, failure } = await eventually(() => stateOf("master-01"), 180);
    assert.equal(failure, null);
    assert.match(good.name, /^etcd-\d{8}T\d{6}Z-r\d+-master-01\.db\.zst$/);
    await eventually(() => {
      const { stdout } = run(status);
      assert.match(stdout, /^lab is healthy/);
      assert.match(stdout, new RegExp(`snapshot +\\d+ (s|min) ago, ${good.name} on master-01`));
    });
    const metrics = on(
      "master-01",
      "systemctl start groundwork-metrics && cat /var/lib/groundwork/metrics/groundwork.prom",
    );
    assert.match(
      metrics.stdout,
      new RegExp(`^groundwork_etcd_snapshot_timestamp_seconds ${good.time}$`, "m"),
    );
    assert.equal(on("master-01", `stat -c %a ${snapshots}`).stdout, "700\n");
  });

  it("are no way back for a cluster that lives, unless the file says so", async () => {
    const { name } = take();
    ask({ epoch: 1, node: "master-01", snapshot: name });
    const shown = preview();
    assert.equal(shown.status, 0, shown.output);
    for (const part of ["etcd-restore-1-check", "etcd-restore-master-01-halt", "etcd-restore-1 "])
      assert.ok(shown.stdout.includes(part), `the preview does not show ${part}:\n${shown.stdout}`);
    const refused = up();
    assert.notEqual(refused.status, 0);
    assert.match(
      refused.output,
      /etcd lives and has its quorum \(https:\/\/127\.0\.0\.1:2379 answers\)/,
    );
    assert.match(refused.output, /discard_living: true/);
    ask({ epoch: 1, node: "master-01", snapshot: "etcd-gone.db.zst", discard_living: true });
    const gone = up();
    assert.notEqual(gone.status, 0);
    assert.match(gone.output, new RegExp(`there is no snapshot .*name one of these.*${name}`, "s"));
    setEtcd(["restore"]);
    converge();
    await assertIsTheFile();
  });

  it("bring back what they held, and nothing younger, where the file says so", async () => {
    const { name } = take();
    write(200, 230);
    kubectl("-n drill delete configmap drill-7");
    kubectl("-n drill scale deployment drill --replicas=5");
    ask({ epoch: 1, node: "master-01", snapshot: name, discard_living: true });
    timed("a restore on the same machines");
    assert.equal(objects().length, 200);
    podsRun();
    assert.equal(kubectl("-n drill get deployment drill -o jsonpath='{.spec.replicas}'"), "2");
    await assertIsTheFile();
    write(300, 301);
    assert.ok(objects().includes("configmap/drill-300"));
  });

  it("are not restored twice under one number", async () => {
    setEtcd(["restore"]);
    converge();
    const name = stateOf("master-01").good.name;
    ask({ epoch: 1, node: "master-01", snapshot: name, discard_living: true });
    converge();
    assert.ok(objects().includes("configmap/drill-300"));
    await assertIsTheFile();
    setEtcd(["restore"]);
  });

  it("bring back what they held though the operator is killed at each step, and the machine's power cut", async () => {
    const { name } = take();
    const held = objects();
    write(500, 510);
    ask({ epoch: 2, node: "master-01", snapshot: name, discard_living: true });
    const killed = (step: string, meanwhile?: () => void) =>
      killedAt(new RegExp(` ${step}$`), "begins", meanwhile);
    const powerCut = () => must("lab/node kill master-01; lab/node start master-01");
    await killed("etcd-restore-2-check");
    await killed("etcd-restore-master-01-halt");
    await killed("etcd-restore-2", powerCut);
    await killed("etcd-restore-2");
    await killed("etcd-restore-2-settle");
    converge();
    assert.deepEqual(objects(), held);
    podsRun();
    await assertIsTheFile();
    setEtcd(["restore"]);
  });

  it("are refused at a preview where they are not whole, and nothing is stopped", () => {
    const path = fetch(take().name, "cut.db.zst");
    truncateSync(join(backups, "cut.db.zst"), 20_000);
    ask({ epoch: 3, snapshot: path, discard_living: true });
    const shown = preview();
    assert.notEqual(shown.status, 0);
    assert.match(
      shown.output,
      /the snapshot \S+cut\.db\.zst (cannot be unpacked|is no whole snapshot of etcd).*nothing was stopped/,
    );
    on(
      "master-01",
      `head -c 20000 ${snapshots}/${stateOf("master-01").good.name} >${snapshots}/etcd-cut.db.zst`,
    );
    ask({ epoch: 3, node: "master-01", snapshot: "etcd-cut.db.zst", discard_living: true });
    const refused = up();
    assert.notEqual(refused.status, 0);
    assert.match(refused.output, /etcd-cut\.db\.zst cannot be unpacked: .*nothing was stopped/);
    kubectl("get --raw /readyz");
    on("master-01", `rm ${snapshots}/etcd-cut.db.zst`);
    setEtcd(["restore"]);
    converge();
  });

  it("are encrypted to keys that no node has, sent to S3, thinned out, and restored by the operator", async () => {
    mkdirSync(backups, { recursive: true });
    const stored = join(backups, "s3");
    const program = [
      "-r",
      "ts-node/register",
      "test/e2e/fixtures/s3.ts",
      "geheim",
      "10.77.0.1",
      "9444",
      stored,
    ];
    server = spawn(join(root, ".lab/bin/node"), program, { cwd: root, stdio: "inherit" });
    // The operator's own machine is the worker here: the lab's host has no age.
    const key = on(
      "worker-01",
      "age-keygen 2>/dev/null | tee /root/key | sed -n 's/^# public key: //p'",
    ).stdout.trim();
    writeFileSync(
      join(backups, "credentials"),
      "[default]\naws_access_key_id = me\naws_secret_access_key = wrong\n",
    );
    const s3 = {
      endpoint: "http://10.77.0.1:9444",
      bucket: "lab",
      credentials_file: "backups/credentials",
    };
    setEtcd(["snapshots"], { recipients: [key], keep: { hourly: 1, daily: 1, weekly: 1 }, s3 });
    converge();
    const failed = on("master-01", "systemctl start groundwork-snapshot.service");
    assert.notEqual(failed.status, 0);
    // A machine whose host is busy may need more than its six seconds.
    await eventually(() =>
      assert.match(
        run(status).stdout.replace(/\s+/g, " "),
        /the snapshot of etcd that master-01 took .* failed: PUT .* 403 .*SignatureDoesNotMatch/,
      ),
    );
    writeFileSync(
      join(backups, "credentials"),
      "aws_access_key_id = me\naws_secret_access_key = geheim\n",
    );
    converge();
    const old = "etcd-20260101T000000Z-r1-master-01.db.zst.age";
    on("master-01", `touch ${snapshots}/${old}`);
    const { name } = take();
    assert.match(name, /\.db\.zst\.age$/);
    const left = on("master-01", `cd ${snapshots} && ls etcd-*`).stdout.trim().split("\n");
    assert.ok(left.includes(name) && !left.includes(old), left.join(" "));
    assert.ok(readdirSync(stored).includes(name));
    must(`npm run --silent backup -- --file .lab/cluster.yaml`);
    const saved = readdirSync(stored).find((file) => file.startsWith("state-"));
    assert.ok(saved);
    await eventually(() =>
      assert.match(run(status).stdout, new RegExp(`backup +of the state \\d+ s ago, ${saved} on`)),
    );
    must(
      `lab/ssh worker-01 'age --decrypt --identity /root/key | zstd -d' <${stored}/${saved} >${backups}/state.json`,
    );
    must(`pulumi stack export | diff - ${backups}/state.json`);
    assert.equal(
      readFileSync(join(stored, name)).subarray(0, 21).toString(),
      "age-encryption.org/v1",
    );

    write(400, 410);
    ask({ epoch: 3, snapshot: `backups/s3/${name}`, discard_living: true });
    assert.match(
      preview().output,
      /is encrypted, and no node has the key; decrypt it where the key is/,
    );
    must(
      `lab/ssh worker-01 age --decrypt --identity /root/key <${stored}/${name} >${backups}/plain.db.zst`,
    );
    ask({ epoch: 3, snapshot: "backups/plain.db.zst", discard_living: true });
    timed("a restore from the operator's machine");
    assert.equal(objects().length, 201);
    podsRun();
    await assertIsTheFile();
  });

  it("bring the cluster back on new machines, of nothing but the file, the state and a snapshot", async () => {
    writeFileSync(
      join(backups, "credentials"),
      "aws_access_key_id = me\naws_secret_access_key = geheim\n",
    );
    setEtcd(["snapshots"], {});
    converge();
    const path = fetch(take().name, "last.db.zst");
    for (const name of ["master-01", "worker-01"])
      must(`lab/node wipe ${name}; lab/node start ${name}`);
    must("lab/nodes.sh config test/e2e/clusters/pair.yaml");
    ask({ epoch: 4, snapshot: path });
    timed("a restore on new machines");
    assert.equal(objects().length, 201);
    podsRun();
    await assertIsTheFile();
  });
});
