import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { recordProgram, type Registration, reveal } from "./record";
import { recordSample, sampleFile } from "./samples";

/** The lost machines of `lost.yaml`, which is `ceph.yaml` but for them: the first master and monitor, and a worker with an OSD. */
const gone = [
  { name: "master-01", ip: "10.0.0.11" },
  { name: "worker-02", ip: "10.0.0.22" },
];

const isCommand = ({ type }: Registration) => type === "command:remote:Command";
const isOf =
  (names: readonly string[]) =>
  ({ name }: Registration) =>
    names.some((node) => new RegExp(`^(ceph-)?${node}-`).test(name));
const isGone = isOf(gone.map(({ name }) => name));
const isForget = ({ name }: Registration) => name.endsWith("-forget");
const hostOf = ({ inputs }: Registration) =>
  (reveal(inputs.connection) as { host: string } | undefined)?.host;

describe("the graph when machines are lost", function () {
  this.timeout(120_000);
  const before = () => recordSample("ceph");
  const after = async () => recordProgram(sampleFile("lost"), { before: await before() });

  it("keeps every step of theirs as it was, and undoes none", async () => {
    const old = new Map((await before()).resources.map((r) => [r.urn, r]));
    const steps = (await after()).resources.filter(
      (r) => isCommand(r) && isGone(r) && !isForget(r),
    );
    const expected = [...old.values()].filter((r) => isCommand(r) && isGone(r));
    assert.deepEqual(steps.map(({ urn }) => urn).sort(), expected.map(({ urn }) => urn).sort());
    for (const { urn, inputs, retainOnDelete } of steps) {
      assert.ok(retainOnDelete, `${urn} would be undone on a machine that is gone`);
      assert.ok(isDeepStrictEqual(inputs, old.get(urn)?.inputs), `${urn} would run again`);
    }
  });

  it("dials none of them, though the state knows nothing yet", async () => {
    for (const resource of (await recordSample("lost")).resources.filter(isCommand)) {
      const host = hostOf(resource);
      assert.ok(!gone.some(({ ip }) => ip === host), `${resource.urn} dials ${host}`);
    }
  });

  it("lets the others forget them, once, and before anybody new joins", async () => {
    const { resources } = await after();
    const forgets = resources.filter(isForget);
    assert.deepEqual(
      forgets.map((r) => `${r.name} on ${hostOf(r)}`),
      [
        "ceph-master-01-forget on 10.0.0.12",
        "ceph-worker-02-forget on 10.0.0.12",
        "master-01-forget on 10.0.0.12",
        "worker-02-forget on 10.0.0.12",
      ],
    );
    const ofEtcd = forgets.filter(({ name }) => !name.startsWith("ceph-")).map(({ urn }) => urn);
    const members = resources.filter(
      ({ name, retainOnDelete }) => name.endsWith("-etcd") && !retainOnDelete,
    );
    assert.equal(members.length, 2);
    for (const { urn, dependsOn } of members) {
      for (const forget of ofEtcd)
        assert.ok(dependsOn.includes(forget), `${urn} does not wait for ${forget}`);
    }
  });

  it("names them to nobody any more", async () => {
    const { resources, outputs } = await after();
    const [lostMaster] = gone;
    // The birth is over, and whom a machine may ask is the list of its own day.
    const settled = /^(etcd-genesis|ceph-genesis)$|-(identity|forget)$/;
    for (const r of resources.filter((r) => !isGone(r) && !settled.test(r.name))) {
      const peers = /^PEERS=.*$/m;
      const text = JSON.stringify(reveal(r.inputs)).replaceAll("\\n", "\n").replace(peers, "");
      assert.ok(!text.includes(`${lostMaster?.ip}:`), `${r.urn} still names ${lostMaster?.ip}`);
    }
    const { nodes } = outputs as { nodes: Record<string, unknown> };
    assert.deepEqual(Object.keys(nodes), ["master-02", "master-03", "worker-01"]);
  });

  it("gives the steps of a machine that turns up again a new identity", async () => {
    const identity = ({ name }: Registration) => name === "master-01-identity";
    const keepers = async (graph: Promise<{ resources: readonly Registration[] }>) =>
      (await graph).resources.find(identity)?.inputs.keepers;
    assert.notDeepEqual(await keepers(after()), await keepers(before()));
  });
});
