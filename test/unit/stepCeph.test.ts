import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { osdUuid } from "../../config/ceph";
import { osdStep } from "../../steps/ofNode";
import { type Graph, sampleFsid } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf as program, replaced } from "./fakeMachine";
import { clusterId } from "./furnish";

const osd = "ceph-node-01-osd-var-lib-osd-disk.img";
const device = "var/lib/osd/disk.img";
/** By which Ceph knows what is on the device. */
const uuid = osdUuid(sampleFsid, "node-01", `/${device}`);

/** The program of a step; a device is an empty file. */
const programOf = (graph: Graph, step: string, vars: Readonly<Record<string, string>> = {}) =>
  program(graph, step, step === osd ? { SIZE_GIB: "0", ...vars } : vars);

/** The steps of Ceph on a machine that is all of it, in their order, with the script that each runs. */
const steps = [
  ["ceph-node-01-host", "ceph-host"],
  ["ceph-node-01-keys", "ceph-keys"],
  ["ceph-genesis", "ceph-genesis"],
  ["ceph-node-01-mon", "ceph-mon"],
  [osd, "ceph-osd"],
  [`${osd}-member`, "ceph-member"],
  ["ceph-configure", "ceph-configure"],
] as const;

describe("a step of Ceph on a machine", function () {
  this.timeout(120_000);
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("single");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    machine.lock(clusterId, "node-01");
    const mons = [{ name: "node-01", rank: 0 }];
    machine.write("state/asok", JSON.stringify({ state: "leader", quorum: [0], monmap: { mons } }));
    const quorum = { monmap: { mons }, quorum: [0], quorum_names: ["node-01"] };
    machine.write("state/ceph/quorum_status", JSON.stringify(quorum));
    machine.write("state/ceph/mon getmap", "0: [v2:10.0.0.11:3300/0] mon.node-01\n");
    machine.write("state/ceph/osd dump", '{"osds": []}');
    const pgs = { num_pgs: 1, pgs_by_state: [{ state_name: "active+clean", count: 1 }] };
    machine.write("state/ceph/status", JSON.stringify({ mgrmap: { available: true }, pgmap: pgs }));
  });
  afterEach(() => machine.close());

  /** Runs the steps up to one, which is the last to run. */
  function runUntil(last: string): void {
    for (const [step, script] of steps) {
      const { status, stderr } = machine.run(programOf(graph, step));
      assert.equal(status, 0, `${script}.sh: ${stderr}`);
      if (step === last) return;
    }
  }
  const told = (path: string) => JSON.parse(machine.read(path)) as Record<string, unknown>[];
  const state = (name: string) => told(`state/ceph/${name}`);

  it("changes it once, and later what is not as the file says", () => {
    for (const [step, script] of steps) {
      const at = `${script}.sh`;
      const program = programOf(graph, step);
      const first = machine.run(program);
      assert.equal(first.status, 0, `${at}: ${first.stderr}`);
      const expected = script === "ceph-member" ? /^unchanged$/ : /^changed: \d+$/;
      assert.match(first.stdout, expected, `${at} says '${first.stdout}' the first time`);
      const noted = step === osd ? osdStep({ id: "var-lib-osd-disk.img" }) : script;
      // A member is for another's device, and a birth is nobody's.
      if (!/member|genesis/.test(script))
        assert.ok(machine.exists(`var/lib/cluster-state/steps/${noted}`), `nobody noted ${noted}`);
      const before = machine.snapshot();
      const { stdout, stderr, calls } = machine.run(program);
      assert.equal(stdout, "unchanged", `${at}, run again: ${stderr}`);
      const acting = calls.filter((call) =>
        /^systemctl (?!is-|show)|^ceph .* (set|rm|new|import|create|enable|out|stop|purge)\b|mkfs/.test(
          call,
        ),
      );
      assert.deepEqual(acting, [], `${at}, run again, acts`);
      assert.deepEqual(machine.snapshot(), before, `${at}, run again, writes`);
      assert.doesNotMatch(first.calls.concat(calls).join("\n"), /SECRET/, `${at} shows a key`);
    }
    const pools = state("osd pool").map(
      ({ pool_name, size }) => `${String(pool_name)} ${String(size)}`,
    );
    assert.deepEqual(pools, ["kubernetes 1", "backups 1"]);
    const settings = state("config dump").map(({ name }) => name);
    assert.ok(settings.includes("osd_max_backfills"), "cluster.ceph.config is lost");
    for (const user of ["client.crash", "client.kubernetes", "client.bootstrap-osd", "mgr.node-01"])
      assert.ok(machine.exists(`state/ceph/auth/${user}`), `Ceph does not know ${user}`);
    assert.ok(!machine.exists("run/groundwork/dashboard-password"), "a password lies about");
    mendsWhatDiffers();
  });

  /** What is not as the file says is put right, and nothing else. */
  function mendsWhatDiffers(): void {
    const configure = programOf(graph, "ceph-configure");
    const alter = (name: string, change: (text: string) => string) =>
      machine.write(`state/ceph/${name}`, change(machine.read(`state/ceph/${name}`)));
    alter("config dump", (text) => text.replace('"2"', '"9"'));
    const former = (text: string) => `${text}osd osd_old\n`.split("\n").sort().join("\n");
    alter("key-groundwork-settings", former);
    alter("auth/client.crash", (text) => text.replace(/key = .*/, "key = AAAA"));
    alter("osd pool", (text) => text.replace('"size":1', '"size":2'));
    alter("dashboard", (text) => text.replace(/.{31}"/, `${"C".repeat(31)}"`));
    const said = machine.run(configure).stderr.replaceAll("node-01: ", "").trim().split("\n");
    assert.deepEqual(said, [
      "set osd_max_backfills of osd",
      "unset osd_old of osd",
      "set the keys and rights of Ceph's users",
      "pool kubernetes keeps 1 copies",
      "changed the dashboard's password",
    ]);
    const impatient = replaced(configure, "wait_for 180", "wait_for 0");
    alter("status", (text) => text.replace("active+clean", "peering"));
    assertRefused(machine.run(impatient), /not every placement group became active/);
    alter("osd pool", (text) => text.replace('"size":1', '"size":3'));
    const derived = replaced(configure, / 1 1 given/g, " 1 1 derived");
    assertRefused(machine.run(derived), /pool kubernetes keeps 3 copies/);
  }

  it("restarts an OSD for new settings when Ceph can do without it, or never will, and not before", () => {
    runUntil(`${osd}-member`);
    const program = replaced(
      replaced(programOf(graph, osd), 'sleep "$STALE"', ":"),
      "poll 120",
      "poll 0",
    );
    const unit = "etc/systemd/system/ceph-osd@.service.d/groundwork.conf";
    const map = machine.read("state/ceph/osd dump");
    const restart = (pgs: string, up = 1, stops?: object) => {
      machine.write(unit, "[Unit]\n# of a former release\n");
      machine.write("state/ceph/osd dump", map.replace(/"up":\d/, `"up":${up}`));
      const pgmap = { num_pgs: 1, pgs_by_state: [{ state_name: pgs, count: 1 }] };
      machine.write("state/ceph/status", JSON.stringify({ mgrmap: { available: true }, pgmap }));
      if (stops) machine.write("state/ceph/stops", JSON.stringify(stops));
      const outcome = machine.run(program);
      if (stops) machine.remove("state/ceph/stops");
      const restarts = outcome.calls.filter((call) => /^systemctl restart.*ceph-osd@0/.test(call));
      return { outcome, restarts: restarts.length };
    };
    const scarce = "active+undersized+degraded";
    for (const pgs of ["active+clean", "active+clean+scrubbing", "active+remapped+backfilling"])
      assert.equal(restart(pgs).restarts, 1, pgs);
    assert.equal(restart(scarce).restarts, 1, "fewer machines than copies");
    // One copy, or as many as are needed: that stays so, however long one waits.
    for (const pgs of ["active+clean", scarce]) {
      const { outcome, restarts } = restart(pgs, 1, { bad_become_inactive: ["1.0"] });
      assert.equal(restarts, 1, pgs);
      assert.match(
        outcome.stderr,
        /data that has no copy to spare waits while osd\.0 restarts: unsafe/,
      );
    }
    const refused = (words: RegExp, ...state: Parameters<typeof restart>) => {
      const { outcome, restarts } = restart(...state);
      const says = /osd\.0 is to restart, and Ceph cannot spare it after 120 s: (.*)/;
      assertRefused(outcome, says, /'ceph osd ok-to-stop 0' on a monitor/);
      assert.match(says.exec(outcome.stderr)?.[1] ?? "", words);
      assert.equal(restarts, 0, state[0]);
    };
    for (const [pgs, up] of [
      [scarce, 0],
      ["active+recovering+degraded", 1],
      ["peering", 1],
    ] as const)
      refused(/^1 [a-z+]+$/, pgs, up);
    for (const pgs of ["active+clean", scarce])
      for (const stops of [
        { unknown_pgs: ["1.0"] },
        { bad_already_inactive: ["1.0"], bad_become_inactive: ["1.0"] },
        {},
      ])
        refused(/^unsafe to stop osd\(s\) at this time$/, pgs, 1, stops);
  });

  it("tells what Ceph says of a command that it refuses, but no key, and of others nothing", () => {
    runUntil("ceph-configure");
    machine.remove("state/ceph/osd pool");
    machine.write(
      "state/ceph/refused",
      `osd pool create\nError ENOENT: no such rule; AQ${"A".repeat(36)}== \u001b[2J\n`,
    );
    const outcome = machine.run(programOf(graph, "ceph-configure"));
    assertRefused(
      outcome,
      /ceph osd pool create pool=kubernetes .*: Error ENOENT: no such rule; \(left out\) +\[2J$/m,
      /ceph-configure failed on node-01 .*: line \d+: ceph_ask ended with status 2$/m,
    );
    assert.doesNotMatch(outcome.stderr, /understood/);
  });

  it("keeps as many copies of the managers' pool where it has its former name", () => {
    runUntil("ceph-configure");
    const pool = { pool_name: "device_health_metrics", size: 3, min_size: 1 };
    machine.write("state/ceph/osd pool", JSON.stringify([pool]));
    const configure = programOf(graph, "ceph-configure");
    const said = machine.run(configure);
    assert.equal(said.status, 0, said.stderr);
    assert.match(said.stderr, /pool device_health_metrics keeps 1 copies/);
    const derived = replaced(configure, /^\.mgr mgr 1 1 given/m, ".mgr mgr 1 1 derived");
    machine.write("state/ceph/osd pool", JSON.stringify([pool]));
    assertRefused(machine.run(derived), /pool device_health_metrics keeps 3 copies/);
  });

  it("waits for no daemon that never comes to an end", async () => {
    const script = readFileSync(join(__dirname, "../../steps/lib/ceph-lib.sh"), "utf8");
    const [, asok = ""] = /python3 -c '\n(import json, signal[^']+)'/.exec(script) ?? [];
    const hasty = replaced(replaced(asok, "alarm(10)", "alarm(1)"), "/run/ceph", machine.root);
    const drips = createServer((socket) => {
      socket.write(Buffer.from([0, 0, 1, 0]));
      const drop = setInterval(() => socket.write("x"), 100);
      socket.on("error", () => clearInterval(drop)).on("close", () => clearInterval(drop));
    });
    drips.listen(join(machine.root, "ceph-osd.0.asok"));
    const asked = spawn("python3", ["-c", hasty, "osd.0", "status"]);
    const [, signal] = (await once(asked, "exit")) as [number | null, string | null];
    drips.close();
    assert.equal(signal, "SIGALRM");
  });

  it("leaves no keys about when a monitor cannot be made", () => {
    runUntil("ceph-node-01-keys");
    machine.write("state/broken", "");
    assertRefused(machine.run(programOf(graph, "ceph-genesis")), /ended with status 1/);
    assert.ok(!machine.exists("run/groundwork-birth"));
  });

  it("gives up the id of an OSD that cannot be made", () => {
    runUntil("ceph-node-01-keys");
    machine.write("state/broken", "");
    machine.write("etc/ceph/groundwork-osd/7", `OSD_UUID=${uuid}\n`);
    const made = programOf(graph, osd);
    const outcome = machine.run(made);
    assertRefused(outcome, /osd\.0 could not be made .*: no room/);
    assert.ok(
      outcome.calls.some((call) => / osd purge-new 0\b/.test(call)),
      "its id stays",
    );
    for (const path of ["groundwork-osd/0", "groundwork-osd/7", "ceph.osd.0.keyring"])
      assert.ok(!machine.exists(`etc/ceph/${path}`), `${path} stays`);
  });

  it("stops an OSD for good, and erases it only where the file says so", () => {
    for (const [wipe, label, erased] of [
      ["false", uuid, false],
      ["true", uuid, true],
      ["true", "somebody-else", false],
    ] as const) {
      machine.write(device, "data");
      machine.write("var/lib/ceph/osd/ceph-0/fsid", uuid);
      machine.write("etc/ceph/groundwork-osd/0", `OSD_UUID=${uuid}\n`);
      machine.write("state/units/ceph-osd@0.service.active", "");
      machine.write("state/label", JSON.stringify({ device: { osd_uuid: label } }));
      const outcome = machine.run(programOf(graph, osd, { WIPE: wipe }), "delete");
      assert.equal(outcome.status, 0, `steps/ceph-osd/ceph-osd-stop.sh: ${outcome.stderr}`);
      const about = `steps/ceph-osd/ceph-osd-stop.sh, wipe: ${wipe}, label ${label}`;
      assert.equal(machine.exists(device), !erased, about);
      assert.ok(!machine.exists("var/lib/ceph/osd/ceph-0"), about);
      assert.ok(!machine.exists("etc/ceph/groundwork-osd/0"), about);
      assert.ok(!machine.exists("state/units/ceph-osd@0.service.active"), about);
    }
  });

  it("drains an OSD before it purges it, once", () => {
    const up = { osds: [{ osd: 0, uuid, up: 1, in: 1, state: ["exists", "up"] }] };
    machine.write("state/ceph/osd dump", JSON.stringify(up));
    const member = programOf(graph, `${osd}-member`);
    const { status, stderr, calls } = machine.run(member, "delete");
    assert.equal(status, 0, `steps/ceph-member/ceph-drain.sh: ${stderr}`);
    const acts = calls.flatMap(
      (call) => / osd (out|safe-to-destroy|stop|purge) 0/.exec(call)?.[1] ?? [],
    );
    assert.deepEqual(
      acts,
      ["out", "safe-to-destroy", "stop", "purge"],
      "steps/ceph-member/ceph-drain.sh",
    );
    assert.equal(
      machine.run(member, "delete").stdout,
      "unchanged",
      "steps/ceph-member/ceph-drain.sh, again",
    );
  });

  it("leaves an OSD alone that others cannot do without", () => {
    const up = { osds: [{ osd: 0, uuid, up: 1, in: 1, state: ["exists", "up"] }] };
    machine.write("state/ceph/osd dump", JSON.stringify(up));
    machine.write("state/ceph/unsafe", "");
    const member = programOf(graph, `${osd}-member`, { DRAIN_WITHIN: "0" });
    const outcome = machine.run(member, "delete");
    assertRefused(outcome, /osd\.0 is not safe to destroy after 0 s/);
    assert.ok(
      !outcome.calls.some((call) => / osd (stop|purge) /.test(call)),
      "steps/ceph-member/ceph-drain.sh",
    );
  });

  it("takes every daemon and key of Ceph off a machine that goes, and no data", () => {
    runUntil("ceph-node-01-mon");
    machine.write(device, "data");
    const { status, stderr } = machine.run(programOf(graph, "ceph-node-01-host"), "delete");
    assert.equal(status, 0, `steps/ceph-host/ceph-remove.sh: ${stderr}`);
    const running = /ceph-(mon|mgr|osd)@[\w-]+\.service\.active/.exec(
      machine.snapshot().join(),
    )?.[0];
    assert.equal(running, undefined, `steps/ceph-host/ceph-remove.sh leaves ${running}`);
    const key = machine
      .snapshot()
      .find((line) => !line.startsWith("state/") && /SECRET/.test(line));
    assert.equal(key, undefined, `steps/ceph-host/ceph-remove.sh leaves ${key}`);
    assert.equal(machine.read(device), "data");
  });
});
