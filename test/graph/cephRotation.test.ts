import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { parseDocument } from "yaml";
import { refuseFormerCephKeys } from "../../components/cephRotations";
import { loadCluster } from "../../config/load";
import { recordFile } from "./nodes";
import { readProgram } from "./program";
import { closure, type Graph, type RecordOptions, reveal } from "./record";
import { recordSample, sampleFile } from "./samples";
import { named, planOfSample } from "./select";

const monitors = ["master-01", "master-02", "master-03"];
const stores = ["worker-01", "worker-02"];

/** The sample `ceph` with these numbers. */
function recordRotated(
  rotations: Readonly<Record<string, number>>,
  options: RecordOptions = {},
): Promise<Graph> {
  const file = parseDocument(readFileSync(sampleFile("ceph"), "utf8"));
  file.setIn(["cluster", "ceph", "rotations"], rotations);
  return recordFile(file.toJS(), options);
}
/** Names of what is not as it was in a former graph. */
function changed(former: Graph, graph: Graph): string[] {
  const inputs = new Map(former.resources.map(({ urn, inputs }) => [urn, inputs]));
  return graph.resources
    .filter(({ urn, type, inputs: now }) => {
      const isOwn = /:(Cluster|CephIdentity|StackReference)$/.test(type);
      return !isOwn && !isDeepStrictEqual(now, inputs.get(urn));
    })
    .map(({ name }) => name)
    .sort();
}

describe("keys of Ceph that are followed by others", () => {
  let former: Graph;
  before(async () => {
    former = await recordSample("ceph");
  });
  const waits = (graph: Graph, step: string, other: string) =>
    assert.ok(
      closure(graph, named(graph, step).urn).has(named(graph, other).urn),
      `${step} does not wait for ${other}`,
    );

  it("are the administrator's on every monitor's machine before anybody asks by them", async () => {
    const graph = await recordRotated({ admin_key: 2 }, { before: former });
    const users = ["client-admin", "client-bootstrap-osd", "client-crash"];
    assert.deepEqual(
      changed(former, graph),
      [
        ...[...users, ...monitors.map((name) => `mgr-${name}`)].map(
          (user) => `ceph-identity-key-2-${user}`,
        ),
        // Where nothing but a key differs all looks the same in a recording.
        ...monitors.flatMap((name) => [`ceph-${name}-keys`, `ceph-${name}-mon`]),
      ].sort(),
    );
    for (const name of monitors) {
      for (const other of monitors) waits(graph, `ceph-${name}-mon`, `ceph-${other}-keys`);
      const { files } = readProgram(named(graph, `ceph-${name}-keys`).program);
      assert.match(
        files["/etc/ceph/ceph.client.admin.keyring 0600 root:root"] ?? "",
        /client.admin/,
      );
    }
    for (const name of stores) {
      const osd = graph.resources.find(
        (one) =>
          one.name.startsWith(`ceph-${name}-osd-`) &&
          one.custom &&
          !/-(key|member)$/.test(one.name),
      );
      assert.ok(osd);
      for (const other of monitors) waits(graph, osd.name, `ceph-${other}-keys`);
    }
    const known = reveal(graph.outputs.nodes) as Record<string, { cephAdminKey?: number }>;
    assert.deepEqual(
      [...monitors, ...stores].map((name) => known[name]?.cephAdminKey),
      [2, 2, 2, undefined, undefined],
    );
  });

  it("are an OSD's on its machine, then with the monitors, then it restarts, one OSD after the other", async () => {
    const graph = await recordRotated({ osd_key: 2 }, { before: former });
    const osds = planOfSample("ceph").ceph?.osds ?? [];
    const names = osds.map(({ node, id }) => `ceph-${node.name}-osd-${id}`);
    assert.ok(names.length > 1);
    assert.deepEqual(
      changed(former, graph),
      // Where nothing but a key differs all looks the same in a recording.
      names.flatMap((name) => [`${name}-key-2`, `${name}-next`, `${name}-tell`]).sort(),
    );
    names.forEach((name, i) => {
      waits(graph, `${name}-tell`, `${name}-next`);
      waits(graph, name, `${name}-tell`);
      for (const earlier of names.slice(0, i)) waits(graph, `${name}-tell`, earlier);
      // No machine has to wait for its key.
      assert.ok(
        !names.some((other) =>
          closure(graph, named(graph, `${name}-next`).urn).has(named(graph, other).urn),
        ),
      );
    });
    const known = reveal(graph.outputs.nodes) as Record<string, { cephOsdKey?: number }>;
    for (const [name, { cephOsdKey }] of Object.entries(known))
      assert.equal(cephOsdKey, osds.some(({ node }) => node.name === name) ? 2 : undefined, name);
    // One that is new has its newest key from the first.
    const later = await recordRotated({ osd_key: 2 });
    for (const name of names) waits(later, name, `${name}-tell`);
  });

  it("are those of volumes in Kubernetes when Ceph knows them, and the former stay until they are ended", async () => {
    const graph = await recordRotated({ kubernetes_key: 2 }, { before: former });
    const secret = "ceph-addon-csi-rbd-secret";
    assert.deepEqual(
      changed(former, graph),
      [secret, "ceph-configure", "ceph-identity-key-client-kubernetes-2"].sort(),
    );
    waits(graph, secret, "ceph-configure");
    const { stringData } = named(graph, secret).inputs as { stringData: unknown };
    assert.equal((reveal(stringData) as { userID: string }).userID, "kubernetes-2");
    const users = named(graph, "ceph-configure").program;
    for (const user of ["kubernetes", "kubernetes-2"])
      assert.ok(users.includes(`[client.${user}]`), user);
    assert.ok(!graph.resources.some(({ name }) => name === "ceph-retire"));

    const ended = await recordRotated(
      { kubernetes_key: 2, oldest_kubernetes_key: 2 },
      { before: graph },
    );
    waits(ended, "ceph-retire", secret);
    const { variables } = readProgram(named(ended, "ceph-retire").program);
    assert.equal(variables.FORMER, "client.kubernetes");
    assert.ok(!named(ended, "ceph-configure").program.includes("[client.kubernetes]"));
    assert.ok(named(ended, "ceph-identity-key-client-kubernetes").protect, "it is in the state");
  });

  it("show in a preview what is done in which order", async () => {
    const info = mock.method(pulumi.log, "info", () => Promise.resolve());
    try {
      const numbers = { admin_key: 2, kubernetes_key: 2, osd_key: 2 };
      const graph = await recordRotated(numbers, { before: former });
      info.mock.resetCalls();
      await recordRotated(numbers, { before: former, preview: true });
      await recordRotated(numbers, { before: graph, preview: true });
      const said = info.mock.calls.map(({ arguments: [text] }) => text as unknown as string);
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(
        said[0] ?? "",
        /^Keys of Ceph's administrator 1 -> 2, [^\n]*\n {2}master-01, master-02, master-03: [^]*\nKey of Kubernetes' volumes in Ceph 1 -> 2, /,
      );
      const [, ...osds] = (said[0] ?? "").split(/^Keys of Ceph's OSDs 1 -> 2, .*$|^Key of Kub.*/m);
      assert.match(
        osds[0] ?? "",
        /^\n {2}worker-01: the monitors know the OSD on \/dev\/\S+ by key 2, [^\n]+\n {2}worker-02: [^\n]+\n$/,
      );
    } finally {
      info.mock.restore();
    }
  });

  it("are those of the dashboards' authority, which the former vouches for until it is ended", async () => {
    const graph = await recordRotated({ authority: 2 }, { before: former });
    const dashboards = monitors.flatMap((name) => [
      `ceph-${name}-dashboard-cert`,
      `ceph-${name}-mon`,
    ]);
    const made = ["ca-2-by-former-cert", "ca-2-cert", "ca-2-csr", "ca-2-key"];
    assert.deepEqual(
      changed(former, graph),
      [...dashboards, ...made.map((name) => `ceph-identity-${name}`)].sort(),
    );
    const trusted = (of: Graph) => (reveal(of.outputs.cephDashboard) as { ca: string }).ca;
    const [first, second] = ["cert-ceph-identity-ca-cert", "cert-ceph-identity-ca-2-cert"];
    assert.equal(trusted(former), first);
    assert.equal(trusted(graph), `${second}${first}`);
    const known = (of: Graph) =>
      Object.values(reveal(of.outputs.nodes) as Record<string, { cephAuthority?: number }>).map(
        ({ cephAuthority }) => cephAuthority,
      );
    assert.deepEqual(known(graph), [2, 2, 2, undefined, undefined]);
    const ended = await recordRotated({ authority: 2, oldest_authority: 2 }, { before: graph });
    assert.equal(trusted(ended), second);
    assert.ok(named(ended, "ceph-identity-ca-key").protect, "it is in the state");
  });

  it("are none that there are not yet", async () => {
    await assert.rejects(
      recordRotated({ oldest_authority: 2 }),
      /cluster\.ceph\.rotations\.oldest_authority.* is an authority that there is not yet; give at most authority/,
    );
    await assert.rejects(
      recordRotated({ oldest_kubernetes_key: 2 }),
      /cluster\.ceph\.rotations\.oldest_kubernetes_key.* is a key that there is not yet; give at most kubernetes_key/,
    );
  });

  it("are not taken back, nor ended in the `up` that has others follow them", () => {
    const plan = loadCluster(sampleFile("storage"));
    const was = (keys: object) => ({
      nodes: { "store-01": { roles: ["ceph-mon" as const], ...keys } },
    });
    const judge = (keys: object) => () => refuseFormerCephKeys(was(keys), plan, "cluster.yaml");
    const cephAuthority = 2;
    for (const keys of [
      { cephAuthority, cephKubernetesKey: 2 },
      { cephAuthority, cephKubernetesKey: 3, cephAdminKey: 2 },
      { cephAuthority: 3, cephKubernetesKey: 2, cephAdminKey: 1 },
    ])
      judge(keys)();
    refuseFormerCephKeys({ nodes: {} }, plan, "cluster.yaml");
    assert.throws(
      judge({}),
      /oldest_kubernetes_key: 2 would end key 1, .*give 1, and raise it after/,
    );
    assert.throws(
      judge({ cephKubernetesKey: 4 }),
      /kubernetes_key: 3 is a former key, and key 4 is in use: .*give 4, or 5 /,
    );
    assert.throws(judge({ cephKubernetesKey: 3, cephAdminKey: 3 }), /admin_key: 2 is a former key/);
    assert.throws(
      judge({ cephKubernetesKey: 2 }),
      /oldest_authority: 2 would have the dashboards refused by everybody who trusts authority 1 alone; give 1, and raise it after/,
    );
    assert.throws(
      judge({ cephKubernetesKey: 2, cephAuthority: 4 }),
      /authority: 3 is a former number, .* by authority 4: it is not taken back; give 4, or 5 /,
    );
    const withStore = (cephOsdKey: number) => ({
      nodes: {
        ...was({ cephKubernetesKey: 3, cephAuthority }).nodes,
        "store-02": { roles: ["ceph-osd" as const], cephOsdKey },
      },
    });
    refuseFormerCephKeys(withStore(3), plan, "cluster.yaml");
    assert.throws(
      () => refuseFormerCephKeys(withStore(4), plan, "cluster.yaml"),
      /osd_key: 3 is a former key, and key 4 is in use/,
    );
  });
});
