import assert from "node:assert/strict";
import { CephCluster } from "./cephCluster";
import { publish, repository, unpublish } from "./cephRepository";
import { assertNothingLost, fileNodes } from "./expected";
import { editCluster, eventually, must, on, preview, settle, up, without } from "./lab";
import { killedAt } from "./operator";
import { Writer } from "./writer";

const ceph = new CephCluster("store-01");
const next = "18.2.8-1groundwork1";
const stores = () => fileNodes("ceph-osd");
const monitors = () => fileNodes("ceph-mon");

/** When the daemons of a kind started on these machines, in milliseconds since 1970. */
function starts(nodes: readonly string[], unit: string): number[] {
  return nodes.map((node) => {
    const { stdout, output } = on(
      node,
      `date +%s%3N -d "$(systemctl show --property=ExecMainStartTimestamp --timestamp=us+utc --value '${unit}')"`,
    );
    assert.match(stdout, /^\d+\n$/, `${node} ${unit}: ${output}`);
    return Number(stdout);
  });
}
const daemons = () => ({
  monitors: starts(monitors(), "ceph-mon@*"),
  managers: starts(monitors(), "ceph-mgr@*"),
  crash: starts(stores(), "ceph-crash.service"),
  osds: starts(stores(), "ceph-osd@*"),
});

/** Names and versions of a machine's packages; of Ceph's own, and all others. */
function packages(node: string) {
  const lines = on(node, "dpkg-query -Wf '${source:Package} ${Package} ${Version}\\n'")
    .stdout.trim()
    .split("\n");
  const isCeph = (line: string) => line.startsWith("ceph ");
  return { own: lines.filter(isCeph), others: lines.filter((line) => !isCeph(line)) };
}
const versionsOf = (node: string) =>
  new Set(packages(node).own.map((line) => line.split(" ").at(-1)));

const set = (key: string, version: string) =>
  editCluster((file) =>
    file.setIn(["cluster", "ceph", "packages"], { repository, key_file: key, version }),
  );

/** On the machines of storage.yaml: three monitors and OSDs, and one more that comes later. */
describe("packages of Ceph that are not the distribution's", function () {
  this.timeout(600_000);
  const isWhole = () =>
    ceph.assertWhole(
      monitors(),
      stores().map((_, id) => id),
    );
  let names: string[] = [];
  let listsAll: () => void;
  const others = new Map<string, string[]>();
  let started: ReturnType<typeof daemons>;

  before(async () => {
    must("pulumi stack select dev --create");
    listsAll = without("store-04");
    settle();
    names = publish("store-04", next);
    await eventually(isWhole, 120);
    for (const node of [...stores(), "store-04"]) {
      others.set(node, packages(node).others);
      // Four machines write to one disk.
      assert.equal(on(node, "echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/test").status, 0);
    }
    started = daemons();
  });
  after(() => unpublish());

  it("are refused where another key has signed them, and nothing is left of it", () => {
    set("other.asc", "18.2.8");
    const { status, output } = up();
    assert.notEqual(status, 0, output);
    assert.match(
      output,
      /ceph-packages failed on store-0\d .*: the repository https:\/\/10\.77\.0\.1:8443\/ceph-packages is not signed by the key of cluster\.ceph\.packages\.key_file/,
    );
    for (const node of stores()) {
      assert.equal(
        on(node, "ls /etc/apt/sources.list.d /etc/apt/preferences.d").stdout.match(/groundwork/),
        null,
        node,
      );
      assert.ok(!versionsOf(node).has(next), node);
    }
    assert.deepEqual(daemons(), started);
  });

  it("show in a preview from which version who goes to which, and what restarts when", () => {
    set("publisher.asc", "18.2.8");
    const { status, output } = preview("--diff");
    assert.equal(status, 0, output);
    assert.match(
      output,
      /Ceph the distribution's -> 18\.2\.8, one line after the other:\s+store-01, store-02, store-03: packages, nothing is restarted\s+store-01: monitor\s+store-02: monitor\s+store-03: monitor\s+store-01: manager and reporter of crashes\s[^]*store-03: manager[^]*store-01: OSDs, [^]*store-03: OSDs, [^]*OSDs of releases before reef/,
    );
  });

  it("come to all machines, then monitors, managers and OSDs restart in upstream's order, though an operator is killed", async () => {
    set("publisher.asc", "18.2.8");
    const writer = await Writer.start("ceph", monitors());
    await killedAt(/ ceph-store-01-mon$/, "ends");
    // A step that was under way when its operator was killed ends by itself.
    await eventually(() => {
      const { output } = on("store-02", "flock -n /run/groundwork/ceph-mon.lock true && echo free");
      assert.match(output, /free/);
    }, 60);
    const amid = daemons();
    for (const node of stores()) assert.deepEqual([...versionsOf(node)], [next], node);
    assert.ok((amid.monitors[0] ?? 0) > (started.monitors[0] ?? 0), "the first monitor restarted");
    assert.deepEqual(
      [amid.monitors[2], amid.managers, amid.osds],
      [started.monitors[2], started.managers, started.osds],
    );
    settle();
    const report = await writer.stop();
    assertNothingLost(report);
    assert.ok(report.longestGap < 20, `${report.longestGap} s`);
    const after = daemons();
    const order = [after.monitors, after.managers, after.crash, after.osds];
    console.log(
      `      seconds after the first monitor: ${order.map((times) => times.map((time) => ((time - (after.monitors[0] ?? 0)) / 1000).toFixed(1)).join(" ")).join(" | ")}`,
    );
    for (const times of [after.monitors, after.managers, after.osds])
      assert.deepEqual(
        times,
        [...times].sort((a, b) => a - b),
        "one after the other",
      );
    assert.ok(Math.max(...after.monitors) < Math.min(...after.managers), "managers after monitors");
    assert.ok(Math.max(...after.managers, ...after.crash) < Math.min(...after.osds), "OSDs last");
    await eventually(isWhole, 60);
  });

  const areAll = () => {
    for (const node of stores()) {
      const own = packages(node).own;
      assert.deepEqual(own.map((line) => line.split(" ")[1]).sort(), [...names].sort(), node);
      assert.deepEqual([...versionsOf(node)], [next], node);
      assert.deepEqual(packages(node).others, others.get(node), node);
      assert.match(on(node, "apt-cache policy jq").stdout, /Candidate: (?!99)/, node);
      assert.equal(on(node, "ls /usr/sbin/policy-rc.d").status, 2, node);
    }
    const { overall } = ceph.ask<{ overall: Record<string, number> }>("versions");
    assert.deepEqual(
      Object.entries(overall).map(([version, count]) => [version.split(" ")[2], count]),
      [["18.2.8", stores().length + 6]],
    );
    const { require_osd_release } = ceph.ask<{ require_osd_release: string }>("osd dump");
    assert.equal(require_osd_release, "reef");
  };

  it(
    "are all in that version then, nothing else is, and OSDs of older releases are refused",
    areAll,
  );

  it("are what a new machine gets", async () => {
    const was = daemons();
    listsAll();
    set("publisher.asc", "18.2.8");
    settle();
    await eventually(isWhole, 120);
    areAll();
    const { osds } = daemons();
    assert.deepEqual(osds.slice(0, 3), was.osds);
  });

  it("do not go back to an older version", () => {
    const back = set("publisher.asc", "18.2.7");
    const { status, output } = preview();
    back();
    assert.notEqual(status, 0, output);
    assert.match(output, /18\.2\.7 is older than what Ceph runs, 18\.2\.8/);
  });

  it("stay when the file no longer names a repository, of which apt then knows no more", () => {
    const was = daemons();
    editCluster((file) => file.deleteIn(["cluster", "ceph", "packages"]));
    const shown = preview();
    assert.match(
      shown.output,
      /Packages of Ceph are the distribution's again: what is installed, 18\.2\.8, stays/,
    );
    settle();
    for (const node of stores()) {
      assert.doesNotMatch(on(node, "find /etc/apt").stdout, /groundwork/, node);
      assert.deepEqual([...versionsOf(node)], [next], node);
    }
    assert.deepEqual(daemons(), was);
    isWhole();
  });
});
