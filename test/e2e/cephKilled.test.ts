import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { type Document, type YAMLMap } from "yaml";
import { CephCluster } from "./cephCluster";
import { editCluster, eventually, must, on, root, run, up } from "./lab";

const nodes = ["store-01", "store-02", "store-03"];
const ceph = new CephCluster("store-01");

/** The running step's process group on a machine: `timeout` is its leader. */
const step = "pgrep -f '^timeout .* bash -s -- create'";
const signalStep = (signal: string) => `${step} | sed s/^/-/ | xargs -r kill -${signal} --`;

/** What becomes of the step that was under way when its operator dies. */
type Fate = "dies too" | "runs on" | "loses its machine's power";

/** When the operator is killed: on `node`, as soon as the bash condition `when` holds while a step runs there. */
interface Moment {
  readonly what: string;
  readonly node: string;
  readonly when: string;
  readonly step: Fate;
}

const monitor = (node: string) => `/var/lib/ceph/mon/ceph-${node}`;
const osd = "/var/lib/ceph/osd/ceph-?";
const exists = (file: string) => `compgen -G '${file}' >/dev/null`;
const runs = (command: string) => `pgrep -f '${command}' >/dev/null`;

// Each is deeper than the one before, so that what that one left behind does not fulfil it.
const half = (node: string) =>
  `${exists(`${monitor(node)}/store.db`)} && ! ${exists(`${monitor(node)}/done`)}`;

const onOneMachine: readonly Moment[] = [
  { what: "its monitor's store is half-made", when: half("store-01"), step: "dies too" },
  {
    what: "its monitor's store is made",
    when: exists(`${monitor("store-01")}/done`),
    step: "dies too",
  },
  {
    what: "its monitor starts",
    when: exists("/run/ceph/ceph-mon.store-01.asok"),
    step: "loses its machine's power",
  },
  { what: "its OSD asks for an id", when: runs("osd new"), step: "dies too" },
  {
    what: "its OSD has an id and a key",
    when: exists("/etc/ceph/ceph.osd.?.keyring"),
    step: "dies too",
  },
  {
    what: "its OSD's store is begun",
    when: `${exists(`${osd}/fsid`)} && ! ${exists(`${osd}/mkfs_done`)}`,
    step: "dies too",
  },
  {
    what: "its OSD's store is made",
    when: exists(`${osd}/mkfs_done`),
    step: "loses its machine's power",
  },
  { what: "its OSD is made and does not run", when: exists(`${osd}/ready`), step: "runs on" },
  { what: "its pool is being made", when: runs("osd pool create"), step: "dies too" },
  { what: "its pool is for nothing yet", when: runs("rbd pool init"), step: "dies too" },
  {
    what: "its dashboard's user is being made",
    when: runs("dashboard ac-user-create"),
    step: "loses its machine's power",
  },
].map((moment) => ({ node: "store-01", ...moment }) as Moment);

const withTwoMore: Moment = {
  what: "the second monitor's store is half-made",
  node: "store-02",
  when: half("store-02"),
  step: "dies too",
};

/** Starts `pulumi up` in a session of its own; answers what kills all of it: CLI, language host and providers. */
function startUp(): () => void {
  const { pid } = spawn(
    "bash",
    [
      "-c",
      ". .lab/env; exec pulumi up --yes --skip-preview --non-interactive --parallel 32 >.lab/killed.log 2>&1",
    ],
    { cwd: root, detached: true, stdio: "ignore" },
  );
  return () => {
    // This process can take no notice of the dead child while it waits for another: a zombie is dead enough.
    must(
      `pkill -KILL -s ${pid}; for i in {1..100}; do ps -s ${pid} -o stat= | grep -qv Z || exit 0; sleep 0.1; done; exit 1`,
    );
    must("pulumi cancel --yes");
  };
}

/** Brings up until the moment, holds the step still there, kills the operator, and lets the step have its fate. */
function killAt({ node, when, step: fate }: Moment): void {
  const kill = startUp();
  try {
    const held = on(
      node,
      `exec 9<> <(:); until ${when} && ${step} >/dev/null; do [ $SECONDS -lt 150 ] || exit 1; read -rt 0.002 -u 9; done; ${signalStep("STOP")}`,
    );
    assert.equal(
      held.status,
      0,
      `the moment never came:\n${run("tail -n 30 .lab/killed.log").stdout}`,
    );
  } finally {
    kill();
  }
  if (fate === "dies too") {
    for (const each of nodes) on(each, signalStep("KILL"));
  } else if (fate === "runs on") {
    on(node, signalStep("CONT"));
  } else {
    must(`lab/node kill ${node}; lab/node start ${node}`);
  }
}

/** Nothing is left of attempts: no id without a daemon, no key without an id, no machine twice. */
function assertNoneTwice(machines: readonly string[], ids: readonly number[]): void {
  const osds = ids.map((id) => `osd.${id}`);
  const { mons } = ceph.ask<{ mons: { name: string }[] }>("mon dump");
  assert.deepEqual(mons.map(({ name }) => name).sort(), machines);
  assert.deepEqual(
    ceph.run("ceph auth ls 2>/dev/null | grep -oE '^(osd|mgr)\\..*' | sort").trim().split("\n"),
    [...machines.map((node) => `mgr.${node}`), ...osds],
  );
  const { nodes: tree } = ceph.ask<{ nodes: { type: string; name: string }[] }>("osd tree");
  assert.deepEqual(tree.flatMap(({ type, name }) => (type === "root" ? [] : [name])).sort(), [
    ...osds,
    ...machines,
  ]);
  for (const node of machines) {
    const daemons = on(node, "ls /var/lib/ceph/mon /var/lib/ceph/osd").stdout;
    assert.equal(daemons.match(/^ceph-/gm)?.length, 2, `${node} has one monitor and one OSD`);
  }
}

/** How many copies each pool keeps. */
const copies = () =>
  Object.fromEntries(
    ceph
      .ask<{ pool_name: string; size: number }[]>("osd pool ls detail")
      .map(({ pool_name, size }) => [pool_name, size]),
  );

/** Leaves these nodes in the cluster file; answers what puts the others back. */
const keepOnly = (names: readonly string[]) =>
  editCluster((file: Document) => {
    const list = file.get("nodes") as { items: YAMLMap[] };
    list.items = list.items.filter((node) => names.includes(node.get("name") as string));
  });

describe("Ceph whose operator is killed while it is made", function () {
  this.timeout(900_000);

  let restore = () => {};
  before(() => {
    must("pulumi stack select dev --create");
    restore = keepOnly(["store-01"]);
  });
  after(() => restore());

  for (const moment of onOneMachine) {
    it(`on one machine, when ${moment.what}, and the step ${moment.step}`, () => killAt(moment));
  }

  it("has one monitor, one OSD and one copy of each pool there after the next run", () => {
    must("lab/apply.sh", { seconds: 600 });
    assertNoneTwice(["store-01"], [0]);
    assert.deepEqual(copies(), { kubernetes: 1, ".mgr": 1 });
  });

  it(`joined by two machines, when ${withTwoMore.what}, and the step ${withTwoMore.step}`, () => {
    restore();
    restore = keepOnly(nodes);
    killAt(withTwoMore);
  });

  it("is healthy after the next run, without a second monitor or OSD, and keeps three copies", async () => {
    must("lab/apply.sh", { seconds: 600 });
    await eventually(() => ceph.assertWhole(nodes, [0, 1, 2]), 60);
    assertNoneTwice(nodes, [0, 1, 2]);
    assert.deepEqual(copies(), { kubernetes: 3, ".mgr": 3 });
  });

  it("stores data, and changes nothing when brought up again", () => {
    ceph.run("rados --pool kubernetes put kept /etc/passwd");
    assert.equal(ceph.run("rados --pool kubernetes get kept -"), ceph.run("cat /etc/passwd"));
    const again = up("--expect-no-changes");
    assert.equal(again.status, 0, again.output);
  });
});
