import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseDocument } from "yaml";
import { cephPackagesInWords, refuseCephPackages } from "../../components/cephPackages";
import { loadCluster } from "../../config/load";
import type { FormerCluster } from "../../policies/facts";
import { recordFile } from "./nodes";
import { readProgram } from "./program";
import { closure, type Graph } from "./record";
import { recordSample, sampleFile } from "./samples";
import { named } from "./select";

const hosts = ["store-01", "store-02", "store-03"];
const monitors = ["store-01", "store-02"];
const stores = [
  "ceph-store-01-osd-wwn-0x5000c500a1b2c3d0",
  "ceph-store-03-osd-wwn-0x5000c500a1b2c3d2",
];

describe("packages of Ceph that are not the distribution's", () => {
  const plan = loadCluster(sampleFile("upstream"));
  const was = (version?: string): FormerCluster => ({
    nodes: Object.fromEntries(
      plan.nodes.map(({ name, roles }) => [name, { roles, ...(version && { ceph: version }) }]),
    ),
  });
  const key = join(dirname(sampleFile("upstream")), "archive.asc");
  let former: Graph;
  let graph: Graph;
  before(async () => {
    former = await recordSample("upstream");
    const file = parseDocument(readFileSync(sampleFile("upstream"), "utf8"));
    file.setIn(["cluster", "ceph", "packages", "version"], "19.2.6");
    file.setIn(["cluster", "ceph", "packages", "key_file"], key);
    graph = await recordFile(file.toJS(), { before: former });
  });
  const all = (names: readonly string[], step: string) =>
    names.map((name) => `ceph-${name}-${step}`);
  const wait = (later: readonly string[], earlier: readonly string[]) => {
    for (const step of later)
      for (const other of earlier)
        assert.ok(
          step === other || closure(graph, named(graph, step).urn).has(named(graph, other).urn),
          `${step} does not wait for ${other}`,
        );
  };

  it("come when it was asked whether they may, and restart daemons as upstream does", () => {
    wait(all(hosts, "packages"), ["ceph-upgrade"]);
    wait(all(monitors, "mon"), all(hosts, "packages"));
    wait(["ceph-store-02-mon"], ["ceph-store-01-mon"]);
    wait(all(hosts, "follow"), all(monitors, "mon"));
    wait(["ceph-store-02-follow"], ["ceph-store-01-follow"]);
    wait(stores, all(hosts, "follow"));
    wait(stores.slice(1), stores.slice(0, 1));
    wait(["ceph-release"], [...stores, ...all(hosts, "follow"), "ceph-configure"]);
  });

  it("keep what the state has of a machine that is lost", async () => {
    const file = parseDocument(readFileSync(sampleFile("upstream"), "utf8"));
    file.setIn(["cluster", "ceph", "packages", "key_file"], key);
    file.setIn(["nodes", 2, "lost"], true);
    const graph = await recordFile(file.toJS(), { before: former });
    for (const step of ["packages", "follow"])
      assert.ok(named(graph, `ceph-store-03-${step}`).retainOnDelete, step);
  });

  it("change with their version each step that brings or runs them, and no other", () => {
    const told = (of: Graph, name: string) => named(of, name).program;
    const changed = graph.resources
      .filter(({ type }) => type === "command:remote:Command")
      .map(({ name }) => name)
      .filter((name) => told(former, name) !== told(graph, name));
    assert.deepEqual(
      changed.sort(),
      [
        "ceph-upgrade",
        ...all(hosts, "packages"),
        ...all(monitors, "mon"),
        ...all(hosts, "follow"),
        ...stores,
        "ceph-release",
      ].sort(),
    );
    const { variables } = readProgram(told(graph, "ceph-store-03-packages"));
    assert.equal(variables.CEPH_PACKAGES, "ceph-common ceph-osd");
    assert.match(variables.PROXY ?? "", /https_proxy=http:\/\/proxy\.example\.org:3128/);
    const prepared = readProgram(told(graph, "store-03-prepare")).variables.PACKAGES ?? "";
    assert.doesNotMatch(prepared, /ceph/);
    assert.match(prepared, /\blvm2\b/);
  });

  it("show in a preview from which version who goes to which, and what restarts when", () => {
    assert.deepEqual(cephPackagesInWords(was("18.2.7"), plan)?.split("\n"), [
      "Ceph 18.2.7 -> 19.2.3, one line after the other:",
      "  store-01, store-02, store-03: packages, nothing is restarted",
      "  store-01: monitor",
      "  store-02: monitor",
      "  store-01: manager and reporter of crashes",
      "  store-02: manager and reporter of crashes",
      "  store-01: OSDs, each when all data has its copies",
      "  store-03: OSDs, each when all data has its copies",
      "  OSDs of releases before squid are taken in no more",
    ]);
    assert.match(cephPackagesInWords(was(), plan) ?? "", /^Ceph the distribution's -> 19\.2\.3/);
    assert.equal(cephPackagesInWords(was("19.2.3"), plan), undefined);
    assert.equal(cephPackagesInWords({ nodes: {} }, plan), undefined);
    const { ceph, ...without } = plan;
    const { packages, ...theirs } = ceph ?? assert.fail();
    assert.ok(packages);
    assert.match(
      cephPackagesInWords(was("19.2.3"), { ...without, ceph: theirs }) ?? "",
      /^Packages of Ceph are the distribution's again: what is installed, 19\.2\.3, stays /,
    );
  });

  it("do not go where upstream knows no way", () => {
    const judge = (version: string, wanted: string) => () => {
      const { ceph } = plan;
      const { packages } = ceph ?? assert.fail();
      const changed = { ...ceph, packages: { ...(packages ?? assert.fail()), version: wanted } };
      refuseCephPackages(was(version), { ...plan, ceph: changed } as typeof plan, "cluster.yaml");
    };
    for (const [from, to] of [
      ["19.2.3", "19.2.3"],
      ["17.2.9-1bookworm", "19.2.3"],
      ["18.2.4", "20.2.4"],
      ["19.2.6", "20.2.4"],
      ["19.2.5", "20.2.3"],
    ] as const)
      judge(from, to)();
    assert.throws(judge("19.2.3", "19.2.2"), /19\.2\.2 is older than what Ceph runs, 19\.2\.3/);
    assert.throws(
      judge("17.2.9", "20.2.4"),
      /is 3 major releases newer .*set a version of 19\.2 or 18\.2 first/,
    );
    assert.throws(judge("19.2.6", "20.2.2"), /coming from 19\.2\.6, .*set 20\.2\.4 or later/);
    const { "store-01": gone, ...rest } = was("18.2.7").nodes;
    assert.ok(gone);
    assert.throws(
      () => refuseCephPackages({ nodes: rest }, plan, "cluster.yaml"),
      /the first monitor by name, store-01, is new/,
    );
  });
});
