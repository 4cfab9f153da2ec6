import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock } from "node:test";
import { parseDocument } from "yaml";
import { recordFile } from "./nodes";
import { readProgram } from "./program";
import { closure, type Graph, type Registration, reveal } from "./record";
import { recordSample, sampleFile } from "./samples";
import { planOfSample } from "./select";

const secret = "4dabf18193072939515e22adb298388d";

describe("the graph of a cluster that only stores", () => {
  let graph: Graph;
  let mine: readonly Registration[];
  const named = (name: string): Registration => {
    const found = mine.find((resource) => resource.name === name && resource.custom);
    assert.ok(found, `no resource is named ${name}`);
    return found;
  };
  const waitsFor = (name: string, other: string) =>
    assert.ok(
      named(name).dependsOn.includes(named(other).urn),
      `${name} does not wait for ${other}`,
    );

  before(async () => {
    graph = await recordSample("storage");
    mine = graph.resources;
  });

  it("has nothing of Kubernetes", () => {
    assert.deepEqual(
      mine.filter(({ type }) => type.startsWith("kubernetes:")),
      [],
    );
  });

  it("is born once, on the first monitor by name, when every machine is taken", () => {
    const { protect, ignoreChanges, dependsOn } = named("ceph-genesis");
    assert.ok(protect);
    assert.deepEqual([...ignoreChanges].sort(), ["connection", "create", "stdin"]);
    assert.ok(dependsOn.includes(named("ceph-store-01-keys").urn));
    for (const node of ["store-02", "store-03"]) {
      assert.ok(dependsOn.includes(named(`${node}-claim`).urn), node);
    }
  });

  it("lets the monitors come at once at its birth, and later one after the other", async () => {
    const monitors = ["store-01", "store-02", "store-03"];
    const earlier = (of: Graph, node: string) => {
      const urnOf = (name: string) =>
        of.resources.find((r) => r.custom && r.name === `ceph-${name}-mon`)?.urn;
      const before = closure(of, urnOf(node) ?? "");
      return monitors.filter((name) => name !== node && before.has(urnOf(name) ?? ""));
    };
    const again = await recordFile(
      parseDocument(readFileSync(sampleFile("storage"), "utf8")).toJS(),
      {
        before: graph,
      },
    );
    for (const [i, node] of monitors.entries()) {
      waitsFor(`ceph-${node}-mon`, "ceph-genesis");
      assert.deepEqual(earlier(graph, node), [], node);
      assert.deepEqual(earlier(again, node), monitors.slice(0, i), node);
    }
  });

  it("asks about an OSD on another machine, and configures when all of them are up", () => {
    const osd = "ceph-store-01-osd-wwn-0x5000c500a1b2c3d0";
    waitsFor(osd, "ceph-genesis");
    waitsFor(`${osd}-member`, osd);
    waitsFor(`${osd}-member`, "ceph-store-02-mon");
    waitsFor("ceph-configure", `${osd}-member`);
    waitsFor("ceph-configure", "ceph-store-03-mon");
  });

  it("takes leave of nobody when the whole of it goes, but stops every OSD", () => {
    const genesis = named("ceph-genesis").urn;
    const undone = mine.filter(
      ({ name, inputs }) => name.startsWith("ceph-") && "delete" in inputs,
    );
    assert.equal(undone.length, 3 * 4);
    for (const { name, deletedWith } of undone) {
      const isMembership = /-(mon|member)$/.test(name);
      assert.equal(deletedWith, isMembership ? genesis : "", name);
    }
  });

  it("keeps every key secret, and protects what all of them depend on", () => {
    const keys = mine.filter(({ type }) => type === "random:index/randomBytes:RandomBytes");
    assert.ok(keys.length >= 11, "five users, three managers, three OSDs");
    for (const name of ["ceph-identity-fsid", "ceph-identity-key-mon"]) {
      assert.ok(named(name).protect, name);
    }
    for (const { urn, inputs } of mine) {
      const open = JSON.stringify(inputs, (_, value: unknown) =>
        value !== null && typeof value === "object" && secret in value ? "[secret]" : value,
      );
      assert.doesNotMatch(open, /SECRET|PRIVATE KEY/, `${urn} has a secret in the clear`);
    }
    assert.match(JSON.stringify(graph.outputs.cephDashboard), new RegExp(secret));
  });

  it("gives each machine the keys of what runs there, and no others", async () => {
    const plan = planOfSample("ceph");
    const ceph = await recordSample("ceph");
    for (const { name, roles } of plan.nodes) {
      const steps = ceph.resources.filter((r) =>
        [`ceph-${name}-keys`, `ceph-${name}-mon`].includes(r.name),
      );
      const keyrings = steps
        .filter(({ custom }) => custom)
        .flatMap(({ program }) => Object.keys(readProgram(program).files))
        .filter((file) => file.includes("keyring"));
      const [monitor, osd] = (["ceph-mon", "ceph-osd"] as const).map((r) => roles.includes(r));
      const expected = [
        ...(monitor || osd ? ["client.crash.keyring 0600 ceph:ceph"] : []),
        // Whoever has it may do everything: it is no daemon's.
        ...(monitor ? ["client.admin.keyring 0600 root:root"] : []),
        ...(monitor ? [`mgr.${name}.keyring 0600 ceph:ceph`] : []),
        ...(osd ? ["client.bootstrap-osd.keyring 0600 root:root"] : []),
      ].map((file) => `/etc/ceph/ceph.${file}`);
      assert.deepEqual(keyrings.sort(), expected.sort(), name);
    }
  });

  it("puts no file into a folder of the daemons, where root would follow their links", () => {
    const paths = mine
      .filter(({ custom, name }) => custom && name.startsWith("ceph-"))
      .flatMap(({ program }) => Object.keys(readProgram(program || "main() {\n").files));
    assert.ok(paths.length > 20);
    for (const path of paths) assert.match(path, /^\/(etc|usr\/local)\//);
  });

  it("has an authority of its own for its dashboards, whose certificate the operator gets", () => {
    const authority = named("ceph-identity-ca-3-cert").inputs;
    assert.equal(authority.isCaCertificate, true);
    for (const name of ["store-01", "store-02", "store-03"]) {
      const { caCertPem, caPrivateKeyPem } = named(`ceph-${name}-dashboard-cert`).inputs;
      assert.equal(caCertPem, "cert-ceph-identity-ca-3-cert");
      assert.equal(reveal(caPrivateKeyPem), "SECRET-ceph-identity-ca-3-key");
    }
    const { ca } = reveal(graph.outputs.cephDashboard) as { ca: unknown };
    assert.equal(reveal(ca), "cert-ceph-identity-ca-3-certcert-ceph-identity-ca-2-cert");
  });

  it("lets the step that starts a daemon write what it reads, so that it starts it anew", () => {
    const unit = (daemon: string) =>
      `/etc/systemd/system/ceph-${daemon}@.service.d/groundwork.conf`;
    for (const [step, ...paths] of [
      ["ceph-genesis", unit("mon")],
      [
        "ceph-store-02-mon",
        unit("mon"),
        unit("mgr"),
        "/usr/local/lib/groundwork/ceph-mgr/bcrypt.py",
      ],
      ["ceph-store-01-osd-wwn-0x5000c500a1b2c3d0", unit("osd")],
      ["ceph-store-02-keys", "/etc/ceph/ceph.client.crash.keyring"],
    ] as const) {
      const { files } = readProgram(named(step).program);
      const written = Object.keys(files).map((file) => file.split(" ")[0]);
      for (const path of paths) assert.ok(written.includes(path), `${step} does not write ${path}`);
    }
    for (const name of ["store-01", "store-02", "store-03"]) {
      const { program } = named(`ceph-${name}-mon`);
      const { files } = readProgram(program);
      const read = Object.values(files).join();
      for (const part of [`cert-ceph-${name}-dashboard-cert`, `SECRET-ceph-${name}-dashboard-key`])
        assert.ok(read.includes(part), `${name}'s manager goes on with a former ${part}`);
      assert.ok(read.includes(`[mgr.${name}]`), `${name}'s manager goes on with a former key`);
    }
  });

  it("names every child after its parent", () => {
    const ceph = mine.filter(({ parent, name }) => /\bceph\b/.test(parent) && name !== "ceph");
    for (const { urn, name, parent } of ceph) {
      assert.ok(name.startsWith(parent.split("::").at(-1) ?? ""), urn);
    }
  });

  it("warns of an even number of monitors", async () => {
    const warn = mock.method(pulumi.log, "warn", () => Promise.resolve());
    try {
      const file = parseDocument(readFileSync(sampleFile("storage"), "utf8"));
      file.setIn(["nodes", 2, "roles"], ["ceph-osd"]);
      await recordFile(file.toJS());
      const texts = warn.mock.calls.map(({ arguments: [text] }) => text);
      assert.deepEqual(texts, [
        "2 nodes have the role ceph-mon: they survive no more failures than one less would",
      ]);
    } finally {
      warn.mock.restore();
    }
  });
});
