import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assertIsTheFile, assertNothingLost, fileNodes } from "./expected";
import { clusterFile, converge, editCluster, eventually, must, on, preview, root, up } from "./lab";
import { loadCluster } from "../../config/load";
import { killedAt } from "./operator";
import { Writer } from "./writer";

/** Versions of etcd that lab/artifacts/mirror.sh serves, as UPGRADES named them beside the lab's own. */
const served = Object.keys(
  JSON.parse(readFileSync(join(root, ".lab/artifacts/sha256.json"), "utf8")) as object,
).flatMap((key) => /\/etcd-v([\d.]+)-linux-[^/]*$/.exec(key)?.[1] ?? []);
const [own = "", patch = "", minor = ""] = served.sort();
const flannelPatch = "0.28.5";

const masters = () => fileNodes("master");
const set = (of: string, to: string) =>
  editCluster((file) => file.setIn(["cluster", "versions", of], to));

/** What a node's services have run since: boot, and the moment of their start. */
const started = (node: string) =>
  Object.fromEntries(
    on(
      node,
      "systemctl list-units --type=service --state=running --no-legend --plain | cut -d' ' -f1 | grep -E '^(etcd|kube|flanneld|containerd|groundwork-admission)' | while read -r unit; do echo $unit $(systemctl show -P ExecMainStartTimestampMonotonic $unit); done",
    )
      .stdout.trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string]),
  );
/** The services of each node that were started anew since, `node unit`. */
const restarted = (before: Readonly<Record<string, Record<string, string>>>) =>
  Object.entries(before).flatMap(([node, units]) => {
    const now = started(node);
    assert.deepEqual(Object.keys(now), Object.keys(units), node);
    return Object.keys(now).flatMap((unit) => (now[unit] === units[unit] ? [] : `${node} ${unit}`));
  });
const all = () => Object.fromEntries(fileNodes().map((node) => [node, started(node)]));

/** The version that a node's etcd runs, by its program's path. */
const runs = (node: string) =>
  on(node, "readlink /proc/$(systemctl show -P MainPID etcd)/exe").stdout.trim();
const folders = (node: string, of: string) =>
  on(node, `ls -d /usr/local/lib/groundwork/${of}-[0-9]*`).stdout.trim();
const place = (version: string) => `/usr/local/lib/groundwork/etcd-${version}`;

/** When each master's etcd was away since, in seconds since 1970; once each, and no two at once. */
function assertInTurn(since: number, names: readonly string[]): void {
  const turns = names.map((node) => {
    const lines = on(
      node,
      `journalctl -u etcd.service -o short-unix --since @${since} | grep -E 'systemd.*: (Stopping|Started) etcd'`,
    ).stdout.trim();
    const times = lines.split("\n").map((line) => Number(line.split(" ")[0]));
    assert.equal(times.length, 2, `${node}: ${lines}`);
    return { node, from: times[0] ?? 0, to: times[1] ?? 0 };
  });
  turns.sort((a, b) => a.from - b.from);
  console.log(
    `      away: ${turns.map(({ node, from, to }) => `${node} ${(to - from).toFixed(1)} s`).join(", ")}`,
  );
  turns.slice(1).forEach(({ node, from }, i) => assert.ok(from > (turns[i]?.to ?? 0), node));
}

/** On the machines of kubernetes.yaml. */
describe(`etcd ${own}, ${patch} and ${minor}`, function () {
  this.timeout(900_000);

  before(function () {
    if (served.length < 3) {
      console.log(`    left out: the mirror has ${served.join(", ")} alone; see UPGRADES`);
      return this.skip();
    }
    must("pulumi stack select dev --create");
    converge();
  });
  after(() => Writer.clean());

  /** An `up` under a client of the API, by which etcd gets this version on these masters, and nothing else restarts. */
  const goes = async (to: string, names: readonly string[]) => {
    const before = all();
    const since = Math.floor(Date.now() / 1000);
    const writer = await Writer.start("api");
    const result = up();
    const report = await writer.stop();
    assert.equal(result.status, 0, result.output);
    assertNothingLost(report);
    assert.deepEqual(report.failed, []);
    assert.deepEqual(
      restarted(before),
      names.map((name) => `${name} etcd.service`),
    );
    assertInTurn(since, names);
    for (const node of masters()) {
      assert.equal(runs(node), `${place(to)}/etcd`);
      assert.equal(folders(node, "etcd"), place(to));
      assert.match(on(node, "etcdctl version").stdout, new RegExp(`etcdctl version: ${to}`));
    }
    await assertIsTheFile();
  };

  it("shows in a preview who gets it, one after the other", () => {
    const restore = set("etcd", patch);
    const { status, output } = preview("--diff");
    restore();
    assert.equal(status, 0, output);
    assert.match(
      output,
      new RegExp(`etcd ${own} -> ${patch}, one after the other: ${masters().join(", ")}`),
    );
  });

  it("goes to another patch, where the operator is killed and a machine loses power before its turn", async () => {
    set("etcd", patch);
    await killedAt(/ master-01-etcd$/, "ends");
    // It has the new version, and starts the old one.
    assert.equal(folders("master-03", "etcd"), `${place(own)}\n${place(patch)}`);
    must("lab/node kill master-03 && lab/node start master-03");
    await eventually(() => {
      assert.equal(runs("master-03"), `${place(own)}/etcd`);
      assert.deepEqual(Object.keys(started("master-03")), Object.keys(started("master-01")));
    }, 120);
    assert.equal(runs("master-01"), `${place(patch)}/etcd`);
    // What had begun on the second when the operator was killed may have gone on.
    const left = masters().filter((node) => runs(node) !== `${place(patch)}/etcd`);
    console.log(`      killed when ${left.join(" and ")} had not gone`);
    await goes(patch, left);
  });

  it("goes to the next minor version, and is never away", () => {
    set("etcd", minor);
    return goes(minor, masters());
  });

  it("does not come back to a minor version, which a preview says", () => {
    const restore = set("etcd", patch);
    const { status, output } = preview();
    assert.notEqual(status, 0);
    assert.match(output, new RegExp(`${patch} is older than what the cluster runs, ${minor}`));
    restore();
  });

  it("is not touched by another version of flannel, which restarts flannel alone", async () => {
    const before = all();
    set("flannel", flannelPatch);
    const { status, output } = up();
    assert.equal(status, 0, output);
    assert.deepEqual(
      restarted(before),
      fileNodes().map((node) => `${node} flanneld.service`),
    );
    const path = `/usr/local/lib/groundwork/flannel-${loadCluster(clusterFile).versions.flannel}`;
    for (const node of fileNodes()) assert.equal(folders(node, "flannel"), path);
    await assertIsTheFile();
  });
});
