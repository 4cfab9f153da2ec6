import assert from "node:assert/strict";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";
import { clusterId } from "./furnish";

const hash = "(6b0e988052ec84cf2d4a54ff9bbbc5e720b621ad)";
const name = (version: string) => `ceph version ${version} ${hash} squid (stable)`;

describe("a step of Ceph where packages have a version", function () {
  this.timeout(60_000);
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("upstream");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    machine.lock(clusterId, "store-01");
    machine.write("var/lib/ceph/mon/ceph-store-01/done", "");
    machine.write("state/ceph/health", '{"status": "HEALTH_OK", "checks": {}}');
    machine.write("state/ceph/osd dump", '{"osds": [], "require_osd_release": "reef"}');
  });
  afterEach(() => machine.close());

  /** All daemons run these versions, so many of each kind. */
  function runs(versions: Readonly<Record<string, Readonly<Record<string, number>>>>): void {
    const kinds = Object.entries(versions).map(([kind, of]) => [
      kind,
      Object.fromEntries(Object.entries(of).map(([version, count]) => [name(version), count])),
    ]);
    const overall = Object.assign({}, ...kinds.map(([, of]) => of)) as object;
    machine.write(
      "state/ceph/versions",
      JSON.stringify({ ...(Object.fromEntries(kinds) as object), overall }),
    );
  }
  const upgrade = (version = "19.2.3") =>
    machine.run(programOf(graph, "ceph-upgrade", { CEPH_VERSION: version }));
  const unwell = (check: string) =>
    machine.write(
      "state/ceph/health",
      JSON.stringify({
        status: "HEALTH_WARN",
        checks: { [check]: { summary: { message: `it is ${check}` } } },
      }),
    );

  it("lets a version follow that upstream lets follow, and asks nobody where nothing runs", () => {
    for (const [from, to] of [
      ["18.2.7", "19.2.3"],
      ["17.2.9", "19.2.3"],
      ["18.2.4", "20.2.4"],
      ["19.2.6", "20.2.4"],
      ["19.2.6", "19.2.7"],
    ] as const) {
      runs({ mon: { [from]: 3 }, osd: { [from]: 3 } });
      const { status, stderr } = upgrade(to);
      assert.equal(status, 0, `${from} -> ${to}: ${stderr}`);
    }
    machine.remove("var/lib/ceph/mon/ceph-store-01/done");
    machine.remove("state/ceph/versions");
    assert.equal(upgrade().stdout, "unchanged");
  });

  it("refuses the way back, one that is too long, and one that upstream warns of", () => {
    runs({ mon: { "19.2.3": 1, "19.2.2": 2 } });
    assertRefused(
      upgrade("19.2.2"),
      /Ceph cannot become 19\.2\.2:\s+daemons run 19\.2\.3, and an older/,
    );
    runs({ mon: { "16.2.15": 3 } });
    assertRefused(
      upgrade(),
      /daemons run 16\.2\.15, and Ceph skips at most one .* version of 18\.2 first/,
    );
    runs({ mon: { "19.2.6": 3 } });
    assertRefused(
      upgrade("20.2.2"),
      /daemons run 19\.2\.6, from which 20\.2\.2 .*set .* to 20\.2\.4 or later/,
    );
  });

  it("refuses it where Ceph is not well, but not where nothing is to change", () => {
    for (const check of ["MON_DOWN", "OSD_DOWN", "PG_AVAILABILITY", "OSD_NEARFULL"]) {
      runs({ mon: { "18.2.7": 3 } });
      unwell(check);
      assertRefused(upgrade(), new RegExp(`Ceph is not well: it is ${check}`));
      runs({ mon: { "19.2.3": 3 } });
      assert.equal(upgrade().status, 0, check);
    }
    runs({ mon: { "18.2.7": 3 } });
    unwell("POOL_NO_REDUNDANCY");
    assert.equal(upgrade().status, 0);
    machine.remove("state/ceph/versions");
    assertRefused(upgrade(), /the monitors have no quorum, so that nobody says whether/);
  });

  it("has Ceph take in no older OSD when all runs the version, and not before", () => {
    const release = () =>
      machine.run(replaced(programOf(graph, "ceph-release"), "poll 60", "poll 0"));
    runs({ mon: { "19.2.3": 3 }, mgr: { "19.2.3": 2 }, osd: { "19.2.3": 1, "18.2.7": 2 } });
    assertRefused(release(), /not all of Ceph runs 19\.2\.3: 2 osd of 18\.2\.7/);
    assert.match(machine.read("state/ceph/osd dump"), /reef/);
    runs({ mon: { "19.2.3": 3 }, mgr: { "19.2.3": 2 }, osd: { "19.2.3": 3 } });
    assert.equal(release().stdout, "changed: 1");
    assert.match(machine.read("state/ceph/osd dump"), /squid/);
    assert.equal(release().stdout, "unchanged");
  });

  it("refuses what the machine got where that is known to lose data, unless it is accepted", () => {
    const got = (version: string) => {
      machine.remove("bin/dpkg-query");
      machine.write("bin/dpkg-query", `#!/bin/sh\nprintf '%s' '${version}'\n`, 0o755);
    };
    const host = (vars = {}) => machine.run(programOf(graph, "ceph-store-01-host", vars));
    for (const [version, mended] of [
      ["17.2.8-0ubuntu0.22.04.1", "17.2.9"],
      ["18.2.5-1bookworm", "18.2.7"],
      ["16.2.6+ds-1", "16.2.7"],
      ["20.2.0-1", "20.2.1"],
    ] as const) {
      got(version);
      const [upstream = ""] = version.split(/[-+]/);
      assertRefused(
        host(),
        new RegExp(
          `packages of Ceph are of ${upstream}, which may .*\\n.*${mended} or later; or accept`,
        ),
      );
    }
    assert.equal(host({ BAD_VERSIONS: "" }).status, 0);
    for (const version of [
      "16.2.15+ds-0+deb12u2",
      "17.2.7-1",
      "17.2.9-1",
      "18.2.7+ds-1",
      "19.2.3-1",
    ]) {
      got(version);
      assert.equal(host().status, 0, version);
    }
  });
});
