import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertIsTheFile } from "./expected";
import {
  endpoint,
  host,
  id,
  makeGateway,
  namedEndpoint,
  objectsOf,
  python,
  request,
  secret,
  setQuota,
  startGateway,
  stopGateway,
} from "./gateway";
import { converge, editCluster, eventually, kubectl, must, on, preview, run } from "./lab";
import { backups, setEtcd, snapshots, take } from "./snapshots";

const master = "master-01";
const bucket = "lab-backups";
/** Of this cluster's snapshots in the bucket. */
const prefix = "clusters/east.1/lab/";

const setSecret = (text: string) =>
  writeFileSync(
    join(backups, "credentials"),
    `[default]\naws_access_key_id = ${id}\naws_secret_access_key = ${text}\n`,
  );
const stored = () =>
  objectsOf(bucket)
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length));
const lying = () => on(master, `cd ${snapshots} && ls -d etcd-*`).stdout.trim().split("\n");

/** Takes one that is not uploaded, as journal and status tell, and that is kept on the machine. */
async function cannotUpload(why: RegExp): Promise<void> {
  const before = lying();
  const began = on(master, "date +%s").stdout.trim();
  assert.notEqual(on(master, "systemctl start groundwork-snapshot.service").status, 0);
  const said = on(master, `journalctl -u groundwork-snapshot -o cat --since @${began}`).stdout;
  assert.match(said, new RegExp(`the snapshot of etcd failed: .*${why.source}`));
  assert.doesNotMatch(said, /Traceback/);
  assert.ok(!said.includes(secret));
  const [made = ""] = lying().filter((name) => !before.includes(name));
  assert.match(made, /^etcd-/);
  assert.equal(on(master, `zstd -q --test ${snapshots}/${made}`).status, 0);
  await eventually(() => {
    const { stdout } = run("npm run --silent status -- --file .lab/cluster.yaml");
    assert.match(
      stdout.replace(/\s+/g, " "),
      new RegExp(`the snapshot of etcd that ${master} took .* failed: .*${why.source}`),
    );
  });
}

/** On the machines of `clusters/volumes.yaml`, bare or as a cluster: their Ceph has a gateway of S3. */
describe("snapshots of etcd in Ceph's S3", function () {
  this.timeout(600_000);
  after(() => editCluster((file) => file.deleteIn(["cluster", "etcd"])));

  before(async () => {
    must("pulumi stack select dev --create");
    mkdirSync(backups, { recursive: true });
    converge();
    writeFileSync(join(backups, "s3-ca.crt"), await makeGateway([master, host]));
    setSecret("wrong");
    setEtcd(["snapshots"], {
      keep: { hourly: 1, daily: 1, weekly: 2 },
      s3: {
        endpoint,
        bucket,
        region: "eu-central-1",
        prefix: "clusters/east.1",
        credentials_file: "backups/credentials",
        ca_file: "backups/s3-ca.crt",
      },
    });
    converge();
  });

  it("are told not to be there where the key is wrong, and kept on the master", () =>
    cannotUpload(/PUT https:\S+ 403 SignatureDoesNotMatch/));

  it("are told not to be there where nobody has made the bucket", async () => {
    setSecret(secret);
    converge();
    await cannotUpload(/PUT https:\S+ 404 NoSuchBucket/);
  });

  it("lie there once there is one, whole, beside what is others'", () => {
    request(bucket, "-X PUT");
    const others = ["clusters/east.1/other/etcd-20200101T000000Z-r1-a.db.zst", "lab/notes"];
    const beside = ["deeper/etcd-20200101T000000Z-r1-a.db.zst", "notes", "a+b c", "ü%01%20"];
    // XML has no way to say the last.
    python(
      master,
      { prefix: "" },
      `for name in ${JSON.stringify([...others, ...beside.map((name) => prefix + name)])} + ["${prefix}\\x01"]:
    bucket.put(name, "/etc/hostname")`,
    );
    const { name } = take();
    request(`${bucket}/${prefix}${name}`, "-o fetched");
    assert.equal(
      on(host, "sha256sum </root/fetched").stdout,
      on(master, `sha256sum <${snapshots}/${name}`).stdout,
    );
    assert.equal(objectsOf(bucket).length, others.length + beside.length + 2);
  });

  it("are thinned out there, and nothing else is", () => {
    const former = lying();
    const others = stored().filter((name) => !/^etcd-/.test(name));
    const days = ["10", "11", "12", "13", "14", "15"].map((day) => `202601${day}T120000Z`);
    // One of a clock that was wrong does not take the place of those to come.
    const ahead = "etcd-20990101T000000Z-r9-master-01.db.zst";
    for (const name of [...days.map((day) => `etcd-${day}-r1-master-01.db.zst`), ahead])
      request(`${bucket}/${prefix}${name}`, "-T /etc/hostname");
    request(`${bucket}/${prefix}etcd-20269999T000000Z-r1-master-01.db.zst`, "-T /etc/hostname");
    const { name } = take();
    const left = stored().filter((name) => /^etcd-/.test(name));
    assert.deepEqual(
      left.filter((kept) => kept !== name && !former.includes(kept)),
      [
        "etcd-20260115T120000Z-r1-master-01.db.zst",
        "etcd-20269999T000000Z-r1-master-01.db.zst",
        ahead,
      ],
    );
    assert.ok(left.includes(name));
    assert.deepEqual(
      stored().filter((name) => !/^etcd-/.test(name)),
      others,
    );
  });

  it("are told not to be there where the user may keep no more, or nobody answers", async () => {
    setQuota(1024);
    await cannotUpload(/PUT https:\S+ 403 QuotaExceeded/);
    setQuota(undefined);
    stopGateway();
    await cannotUpload(/PUT https:\S+ no answer .*Connection refused/);
    await startGateway();
    take();
    const { stdout } = run("npm run --silent status -- --file .lab/cluster.yaml");
    assert.doesNotMatch(stdout, /the snapshot of etcd that/);
  });

  it("are asked for by names of any kind, and by the bucket's own name in the host", () => {
    const odd = "odd folder/a+b=c&d/ünï;~!'()*/";
    for (const settings of [
      { prefix: odd },
      { prefix: odd, addressing: "virtual", endpoint: namedEndpoint, region: "us-east-1" },
    ]) {
      const listed = python(
        master,
        settings,
        `names = ["a b", "a+b", "ä%20", "plain", "z?x#y"]
for name in names: bucket.put(name, "/etc/hostname")
print(sorted(bucket.names()) == sorted(names))
for name in names: bucket.delete(name)
bucket.delete("gone")
print(bucket.names())`,
      );
      assert.equal(listed, "True\n[]");
    }
  });

  it("are put where they may not be deleted, and only hidden there", () => {
    request("lab-locked", "-X PUT -H 'x-amz-bucket-object-lock-enabled: true'");
    const rule = "<DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention>";
    const said = python(
      master,
      { bucket: "lab-locked" },
      `with open("/root/lock", "w") as file: file.write("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>${rule}</Rule></ObjectLockConfiguration>")
bucket.ask("PUT", query={"object-lock": ""}, body="/root/lock")
bucket.put("etcd", "/etc/hostname")
bucket.delete("etcd")
print(bucket.names(), s3.texts_of(bucket.ask("GET", query={"versions": ""}))["Key"])`,
    );
    assert.equal(said, `[] ['${prefix}etcd', '${prefix}etcd']`);
  });

  it("are refused at a restore where somebody has altered the object", () => {
    const { name } = take();
    request(`${bucket}/${prefix}${name}`, "-o fetched");
    must(
      `lab/ssh ${host} 'zstd -qdf /root/fetched -o plain && printf x | dd of=plain bs=1 seek=20000 conv=notrunc status=none && zstd -qf plain -o altered'`,
    );
    request(`${bucket}/${prefix}${name}`, "-T altered");
    request(`${bucket}/${prefix}${name}`, `-O`);
    must(`lab/ssh ${host} cat ${name} >${backups}/altered.db.zst`);
    setEtcd(["restore"], { epoch: 1, snapshot: "backups/altered.db.zst", discard_living: true });
    const shown = preview();
    assert.notEqual(shown.status, 0);
    assert.match(
      shown.output,
      /altered\.db\.zst is no whole snapshot of etcd: its checksum is not .*nothing was stopped/,
    );
    setEtcd(["restore"]);
  });

  it("bring back what they held, from the bucket alone, decrypted where the key is", async () => {
    const key = must(
      `lab/ssh ${host} "age-keygen 2>/dev/null | tee key | sed -n 's/^# public key: //p'"`,
    ).trim();
    setEtcd(["snapshots", "recipients"], [key]);
    converge();
    kubectl("create configmap before");
    const { name } = take();
    assert.match(name, /\.db\.zst\.age$/);
    kubectl("create configmap after");
    on(master, `rm ${snapshots}/etcd-*`);
    request(`${bucket}/${prefix}${name}`, "-O");
    const decrypt = `age --decrypt --identity key --output last.db.zst ${name}`;
    const altered = `printf x | dd of=altered bs=1 seek=5000 conv=notrunc status=none && age --decrypt --identity key altered >/dev/null`;
    const refused = on(host, `cd /root && cp ${name} altered && ${altered}`);
    assert.notEqual(refused.status, 0);
    assert.match(refused.output, /age: error: failed to decrypt/);
    must(`lab/ssh ${host} '${decrypt} && cat last.db.zst' >${backups}/last.db.zst`);
    setEtcd(["restore"], { epoch: 1, snapshot: "backups/last.db.zst", discard_living: true });
    converge();
    assert.match(kubectl("get configmaps -o name"), /configmap\/before\n/);
    assert.doesNotMatch(kubectl("get configmaps -o name"), /configmap\/after\n/);
    assert.ok(!on(master, `ls ${snapshots}`).stdout.includes("restore-"));
    await assertIsTheFile();
    const { name: next } = take();
    assert.ok(stored().includes(next));
  });
});
