import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { parseDocument } from "yaml";
import { recordFile } from "../graph/nodes";
import type { Graph } from "../graph/record";
import { recordSample, sampleFile } from "../graph/samples";
import { assertRefused, FakeMachine, programOf as program, replaced } from "./fakeMachine";
import { clusterId } from "./furnish";

const osd = "ceph-node-01-osd-var-lib-osd-disk.img";
const steps = ["host", "keys"].map((name) => `ceph-node-01-${name}`);
const all = [...steps, "ceph-genesis", "ceph-node-01-mon", osd, `${osd}-member`, "ceph-configure"];
const hasty = (text: string) =>
  text.replaceAll('sleep "$STALE"', ":").replaceAll("poll 120 ", "poll 0 ");
const admin = "etc/ceph/ceph.client.admin.keyring";
const monitor = "ceph-mon@node-01.service";

/** The sample of a machine that is all of Ceph, with these numbers of keys. */
function recordRotated(rotations: Readonly<Record<string, number>>): Promise<Graph> {
  const file = parseDocument(readFileSync(sampleFile("single"), "utf8"));
  file.setIn(["cluster", "ceph", "rotations"], rotations);
  return recordFile(file.toJS());
}

describe("a step of Ceph whose keys are followed by others", function () {
  this.timeout(120_000);
  let machine: FakeMachine;
  let former: Graph;
  let graph: Graph;
  const mons = [{ name: "node-01", rank: 0 }];
  before(async () => {
    former = await recordSample("single");
    graph = await recordRotated({ kubernetes_key: 2, oldest_kubernetes_key: 2, admin_key: 2 });
  });
  beforeEach(() => {
    machine = new FakeMachine();
    machine.lock(clusterId, "node-01");
    machine.write("state/asok", JSON.stringify({ state: "leader", quorum: [0], monmap: { mons } }));
    const quorum = { monmap: { mons }, quorum: [0], quorum_names: ["node-01"] };
    machine.write("state/ceph/quorum_status", JSON.stringify(quorum));
    machine.write("state/ceph/mon dump", JSON.stringify({ mons }));
    machine.write("state/ceph/mon getmap", "0: [v2:10.0.0.11:3300/0] mon.node-01\n");
    machine.write("state/ceph/osd dump", '{"osds": []}');
    const pgs = { num_pgs: 1, pgs_by_state: [{ state_name: "active+clean", count: 1 }] };
    machine.write("state/ceph/status", JSON.stringify({ mgrmap: { available: true }, pgmap: pgs }));
    for (const step of all) run(former, step);
    machine.write("state/ceph/auth/client.admin", machine.read(admin));
  });
  afterEach(() => machine.close());

  /** All keys look the same in a recording. */
  const programOf = (of: Graph, step: string) => {
    const text = program(of, step, step === osd ? { SIZE_GIB: "0" } : {});
    return of === graph ? text.replaceAll("AASECRET", "AASECRE2") : text;
  };
  function run(graph: Graph, step: string) {
    const outcome = machine.run(programOf(graph, step));
    assert.equal(outcome.status, 0, `${step}: ${outcome.stderr}`);
    return outcome;
  }
  const known = (user: string) => machine.read(`state/ceph/auth/${user}`);

  it("tells the cluster before the machine has them, as a monitor does, once", () => {
    const was = machine.read(admin);
    machine.write("state/ceph/refused", "auth import\nno quorum\n");
    assertRefused(
      machine.run(programOf(graph, "ceph-node-01-keys")),
      /the monitors do not take other keys for Ceph's users/,
    );
    assert.equal(machine.read(admin), was);
    machine.remove("state/ceph/refused");
    const { calls } = run(graph, "ceph-node-01-keys");
    assert.ok(calls.some((call) => /^ceph auth import/.test(call)));
    assert.notEqual(machine.read(admin), was);
    const [, key = "?"] = /key = (.*)/.exec(machine.read(admin)) ?? [];
    assert.ok(known("client.admin").includes(key));
    for (const user of ["client.crash", "client.bootstrap-osd"])
      assert.match(known(user), /key = .+\n\tcaps/);
    assert.equal(run(graph, "ceph-node-01-keys").stdout, "unchanged");
    assert.equal(run(graph, "ceph-node-01-mon").stdout.replace(/\d+/, "n"), "changed: n");
    assert.equal(run(graph, "ceph-node-01-mon").stdout, "unchanged");
  });

  it("leaves it to the monitor's own step where that does not run", () => {
    machine.remove(`state/units/${monitor}.active`);
    const was = known("client.admin");
    run(graph, "ceph-node-01-keys");
    assert.equal(known("client.admin"), was);
    run(graph, "ceph-node-01-mon");
    assert.notEqual(known("client.admin"), was);
  });

  describe("of OSDs", () => {
    const keyring = "etc/ceph/ceph.osd.0.keyring";
    const next = "etc/ceph/ceph.osd.0.next";
    const choice = "etc/systemd/system/ceph-osd@0.service.d/groundwork-key.conf";
    let osds: Graph;
    before(async () => {
      osds = await recordRotated({ osd_key: 2 });
    });
    const stepOf = (step: string, number = 2) =>
      hasty(program(osds, step, step === osd ? { SIZE_GIB: "0" } : {})).replaceAll(
        "AASECRET",
        `AASECRE${number}`,
      );
    const runs = (step: string, number?: number) => {
      const outcome = machine.run(stepOf(step, number));
      assert.equal(outcome.status, 0, `${step}: ${outcome.stderr}`);
      return outcome;
    };
    const lay = (number?: number) => runs(`${osd}-next`, number);
    const tell = (number?: number) => runs(`${osd}-tell`, number);
    const keyOf = (text: string) => /key = (.*)/.exec(text)?.[1];
    /** What systemd does before it starts the OSD. */
    const choose = () => {
      const [, command = "?"] = /^ExecStartPre=-\+(\/\S+) %i$/m.exec(machine.read(choice)) ?? [];
      const { status } = spawnSync("bash", [command, "0"], {
        env: {
          FAKE_ROOT: machine.root,
          PATH: `${machine.root}/bin:${process.env.PATH}`,
        },
      });
      assert.equal(status, 0);
    };

    it("lie on the machine beside the former before the monitors know them, and the OSD comes up by whichever they take", () => {
      const [was, told] = [machine.read(keyring), known("osd.0")];
      assert.equal(keyOf(was), keyOf(told));
      lay();
      assert.equal(lay().stdout, "unchanged");
      assert.equal(machine.read(keyring), was);
      const wanted = keyOf(machine.read(next));
      assert.notEqual(wanted, keyOf(was));
      choose();
      assert.equal(machine.read(keyring), was, "it took a key that the monitors do not know");
      assert.doesNotMatch(tell().calls.join("\n"), /SECRE/);
      assert.equal(tell().stdout, "unchanged");
      assert.equal(known("osd.0"), told.replace(keyOf(told) ?? "?", wanted ?? "?"));
      choose();
      assert.equal(keyOf(machine.read(keyring)), wanted);
      assert.ok(!machine.exists(next));
      runs(osd);
      assert.ok(!machine.exists(choice));
      for (const step of [`${osd}-next`, `${osd}-tell`, osd])
        assert.equal(runs(step).stdout, "unchanged", step);
    });

    it("are what the OSD restarts with, once, and nothing lies about", () => {
      lay();
      tell();
      const { calls } = runs(osd);
      assert.equal(calls.filter((call) => /^systemctl restart.*ceph-osd@0/.test(call)).length, 1);
      assert.equal(keyOf(machine.read(keyring)), keyOf(known("osd.0")));
      for (const path of [next, choice]) assert.ok(!machine.exists(path), path);
      assert.equal(runs(osd).stdout, "unchanged");
      // What goes takes everything along.
      lay(3);
      assert.equal(machine.run(stepOf(osd), "delete").status, 0);
      for (const path of [next, choice, keyring]) assert.ok(!machine.exists(path), path);
    });

    it("follow one another where an `up` was killed and the number raised again", () => {
      lay();
      tell();
      lay(3);
      assert.equal(keyOf(machine.read(keyring)), keyOf(known("osd.0")), "it would not come up");
      tell(3);
      choose();
      assert.equal(keyOf(machine.read(keyring)), keyOf(known("osd.0")));
    });

    it("stay while Ceph cannot do without the OSD, and change where it is down", () => {
      const was = known("osd.0");
      lay();
      machine.write("state/ceph/stops", '{"bad_already_inactive": ["1.0"]}');
      const outcome = machine.run(stepOf(`${osd}-tell`));
      assertRefused(
        outcome,
        /osd\.0 is to have another key, for which it restarts, and Ceph cannot spare it after 120 s: unsafe/,
        /osd\.0 runs as before/,
      );
      assert.equal(known("osd.0"), was);
      machine.write("state/ceph/refused", "auth get\ntimed out\n");
      assertRefused(
        machine.run(stepOf(`${osd}-tell`)),
        /the monitors do not say by which key they know osd\.0/,
      );
      machine.remove("state/ceph/refused");
      const map = machine.read("state/ceph/osd dump");
      machine.write("state/ceph/osd dump", map.replace('"up":1', '"up":0'));
      tell();
      assert.notEqual(known("osd.0"), was);
    });

    it("are the newest at once for an OSD that is to come", () => {
      machine.remove("state/ceph/auth/osd.0");
      machine.remove("etc/ceph/groundwork-osd/0");
      lay();
      assert.equal(tell().stdout, "unchanged");
      assert.ok(!machine.exists(next));
      machine.write("state/ceph/osd dump", '{"osds": []}');
      assert.equal(tell().stdout, "unchanged");
    });
  });

  it("restarts a manager, and waits until the monitors know the one that comes", () => {
    run(graph, "ceph-node-01-keys");
    machine.write(
      "state/ceph/mgr dump",
      '{"active_name": "node-01", "active_gid": 7, "available": true, "standbys": []}',
    );
    machine.write("state/unseen", "");
    const impatient = replaced(
      programOf(graph, "ceph-node-01-mon"),
      'wait_for 60 "mgr',
      'wait_for 0 "mgr',
    );
    assertRefused(machine.run(impatient), /mgr\.node-01 did not come back within 60 s/);
    machine.remove("state/unseen");
    machine.write(
      "state/units/ceph-mgr@node-01.service.active",
      "2025-01-01 00:00:00.000000 UTC\n",
    );
    assert.equal(machine.run(impatient).status, 0);
  });

  it("restarts no monitor without which there is no quorum", async () => {
    const server = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const three = ["node-01", "node-02", "node-03"].map((name, rank) => {
      return { name, rank, public_addr: `127.0.0.1:${port}/0` };
    });
    const impatient = replaced(
      programOf(former, "ceph-node-01-mon"),
      'poll 60 "" majority',
      'poll 0 "" majority',
    );
    const restart = (mons: readonly object[], quorum: readonly number[], state = "peon") => {
      machine.write("state/asok", JSON.stringify({ state, quorum, monmap: { mons } }));
      machine.write(
        "etc/systemd/system/ceph-mon@.service.d/groundwork.conf",
        "[Unit]\n# of a former release\n",
      );
      const outcome = machine.run(impatient);
      const restarts = outcome.calls.filter((call) => /^systemctl restart.*ceph-mon@/.test(call));
      return { outcome, restarts: restarts.length };
    };
    try {
      const refused = restart(three, [0, 1]);
      assertRefused(
        refused.outcome,
        /mon\.node-01 is to restart, and of the 3 monitors only 1 others are in the quorum/,
      );
      assert.equal(refused.restarts, 0);
      for (const [mons, quorum] of [
        [three, [0, 1, 2]],
        [three.slice(0, 2), [0, 1]],
        [three.slice(0, 1), [0]],
      ] as const)
        assert.equal(restart(mons, quorum).restarts, 1, `${mons.length}`);
    } finally {
      server.close();
    }
  });

  const session = (entity_name: string) => ({
    entity_name,
    global_id: 4711,
    addrs: { addrvec: [{ addr: "10.0.0.21:0" }] },
  });

  it("ends a former user of volumes when nobody is logged in as it, and not before", () => {
    const retire = programOf(graph, "ceph-retire").replaceAll(/^ *sleep 3$/gm, ":");
    run(graph, "ceph-node-01-keys");
    run(graph, "ceph-configure");
    assert.match(known("client.kubernetes-2"), /profile rbd pool=kubernetes/);
    assertRefused(
      machine.run(retire),
      /not all monitors tell whether client\.kubernetes is in use/,
    );
    machine.write("state/ceph/sessions", JSON.stringify([session("client.kubernetes")]));
    assertRefused(
      machine.run(retire),
      /volumes are still in use by a former key: client\.kubernetes on 10\.0\.0\.21/,
    );
    assert.ok(machine.exists("state/ceph/auth/client.kubernetes"));
    machine.write("state/ceph/sessions", JSON.stringify([session("client.kubernetes-2")]));
    const { status, stderr, stdout } = machine.run(retire);
    assert.equal(status, 0, stderr);
    assert.equal(stdout, "changed: 1");
    assert.ok(!machine.exists("state/ceph/auth/client.kubernetes"));
    assert.ok(machine.exists("state/ceph/auth/client.kubernetes-2"));
    assert.equal(machine.run(retire).stdout, "unchanged");
  });

  it("keeps it as well where what one monitor of several tells is not understood", () => {
    const retire = programOf(graph, "ceph-retire").replaceAll(/^ *sleep 3$/gm, ":");
    run(graph, "ceph-node-01-keys");
    run(graph, "ceph-configure");
    const two = [...mons, { name: "node-02", rank: 1 }];
    machine.write("state/ceph/mon dump", JSON.stringify({ mons: two }));
    machine.write("state/ceph/sessions", "[]");
    machine.write("state/ceph/sessions of mon.node-01", "Error ENXIO");
    assertRefused(
      machine.run(retire),
      /not all monitors tell whether client\.kubernetes is in use/,
    );
    const nowhere = { ...session("client.kubernetes"), addrs: { addrvec: [] } };
    machine.write("state/ceph/sessions of mon.node-01", JSON.stringify([nowhere]));
    assertRefused(machine.run(retire), /in use by a former key: client\.kubernetes on somewhere/);
    assert.ok(machine.exists("state/ceph/auth/client.kubernetes"));
  });
});
