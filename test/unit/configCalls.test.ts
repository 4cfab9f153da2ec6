import assert from "node:assert/strict";
import fc from "fast-check";
import { callAddresses } from "../../config/calls";
import type { NodePlan } from "../../config/plan";
import { type FileData, hostKey, planOf, problemsOf, sampleFile, withValue } from "./clusterSample";

const calling = (file = sampleFile(), index = 1) =>
  withValue(file, ["nodes", index, "via"], "call");
const service = (file: FileData, more: object) =>
  withValue(file, ["cluster", "join_service"], more);
const here = { host: "10.0.0.5", host_key: hostKey(50) };
const found = (file: FileData, name: string): NodePlan =>
  planOf(file).nodes.find((node) => node.name === name) ?? assert.fail(name);

describe("a node that calls", () => {
  it("is reached through the first master that lives, with the host key of the file", () => {
    const { ssh, calls } = found(calling(), "worker-01");
    assert.match(ssh.host, /^127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+$/);
    assert.deepEqual([ssh.host, ssh.port], [calls?.address, calls?.port]);
    assert.equal(ssh.hostKey, hostKey(2));
    assert.deepEqual(ssh.bastion, {
      host: "10.0.0.11",
      port: 22,
      user: "root",
      hostKey: hostKey(1),
    });
    assert.deepEqual(calls?.services, [
      { name: "master-01", host: "10.0.0.11", port: 7022, hostKey: hostKey(1) },
    ]);
  });

  it("calls all masters that live, so that each may be the one it is reached through", () => {
    const more = (name: string, lost: boolean) => ({
      ...{ name, lost, roles: ["master"], host_key: hostKey(name.length + Number(lost)) },
      ip: lost ? "10.0.0.12" : "10.0.0.13",
    });
    const file = sampleFile();
    (file.nodes as object[]).push(more("another", false), more("a-lost-one", true));
    const { ssh, calls } = found(calling(file), "worker-01");
    assert.deepEqual(
      calls?.services.map(({ name }) => name),
      ["another", "master-01"],
    );
    assert.equal(ssh.bastion?.host, "10.0.0.13");
    const takes = planOf(calling(file)).nodes.filter(({ takesCalls }) => takesCalls);
    // Those that are lost keep their steps.
    assert.deepEqual(
      takes.map(({ name }) => name),
      ["a-lost-one", "another", "master-01"],
    );
  });

  it("calls the operator's machine where the file has one, a master too", () => {
    const file = service(calling(calling(), 0), { ...here, port: 7000, wait_minutes: 3 });
    const { ssh, calls } = found(file, "master-01");
    assert.equal(ssh.bastion, undefined);
    assert.equal(calls?.minutes, 3);
    assert.deepEqual(calls?.services, [
      { name: "operator", host: "10.0.0.5", port: 7000, hostKey: hostKey(50) },
    ]);
    assert.ok(planOf(file).nodes.every(({ takesCalls }) => !takesCalls));
  });

  it("moves no other node's address when it comes or goes", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { minLength: 2 }), (names) => {
        const all = callAddresses(names);
        assert.equal(new Set(all.values()).size, names.length);
        const [gone, ...rest] = names;
        for (const [name, address] of callAddresses(rest))
          assert.equal(address, all.get(name), `${name} moved as ${gone} went`);
      }),
      { numRuns: 50 },
    );
  });

  it("has the port of its own SSH server in what it calls with", () => {
    const file = withValue(calling(), ["cluster", "ssh", "port"], 2200);
    assert.equal(found(file, "worker-01").calls?.ownPort, 2200);
    assert.equal(found(file, "worker-01").ssh.bastion?.port, 2200);
    const own = withValue(file, ["nodes", 1, "ssh", "port"], 2201);
    assert.equal(found(own, "worker-01").calls?.ownPort, 2201);
  });

  it("has an address of its own among ten thousand", () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `node-${i}`);
    assert.equal(new Set(callAddresses(names).values()).size, names.length);
  });

  const refused = (what: string, file: FileData, ...says: string[]) =>
    it(`is refused ${what}`, () => assert.deepEqual(problemsOf(file), says));

  const remedy = "give cluster.join_service.host, and run npm run join-service on that machine";
  refused(
    "as a master, where masters take the calls",
    calling(sampleFile(), 0),
    `nodes[0].via: call is not for a master where the masters take the calls; ${remedy}, or have it dialled`,
  );
  refused(
    "where it says how it is dialled",
    withValue(
      withValue(calling(), ["nodes", 1, "ssh"], { host: "10.9.9.9" }),
      ["nodes", 1, "bootstrap_address"],
      "10.0.0.99",
    ),
    "nodes[1].bootstrap_address: 10.0.0.99 leads to a machine that is given no network; give its interfaces too, or, where it keeps the address, give it as ssh.host",
    ...["bootstrap_address", "ssh.host"].map(
      (field) =>
        `nodes[1].${field}: says where nodes[1] (worker-01) is dialled, and nobody dials it: it calls; remove it, or via: call`,
    ),
  );
  refused(
    "behind masters that are behind a jump host",
    withValue(calling(), ["cluster", "ssh", "bastion"], { host: "jump", host_key: hostKey(9) }),
    `nodes[0]: is reached through a jump host, and takes the calls of machines that are then reached through it: a step's SSH client goes through one; ${remedy}`,
  );
  refused(
    "at a service without a key",
    service(calling(), { host: "10.0.0.5" }),
    `cluster.join_service.host_key: is missing; make a key ('ssh-keygen -t ed25519 -N "" -f join_service_key') and give the line of its .pub file`,
  );
  refused(
    "at a key without a service",
    service(calling(), { host_key: hostKey(9) }),
    "cluster.join_service.host_key: is a key that nobody shows: the masters show their own; remove it, or give host",
  );
  refused(
    "at the port at which machines answer",
    service(calling(), { port: 7023 }),
    "cluster.join_service.port: 7023 is the port at which machines answer that have called; give another",
  );
});
