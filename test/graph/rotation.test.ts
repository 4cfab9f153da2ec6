import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { mock } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { authoritiesInWords, refuseEndOfAuthorities } from "../../components/authorities";
import { refuseEndOfTokens } from "../../components/serviceAccounts";
import { refuseFormerKey } from "../../components/encryption";
import { loadCluster } from "../../config/load";
import { whatRuns } from "./deliveries";
import { recordNodes } from "./nodes";
import { readProgram } from "./program";
import { closure, type Graph, reveal } from "./record";
import { recordSample, sampleFile } from "./samples";
import { named } from "./select";

const masters = ["master-01", "master-02", "master-03"];
const nodes = [...masters, "worker-01"];
const path = "/etc/kubernetes/encryption.yaml 0600 root:root";

/** Names of the keys that a master's API server has in the end. */
const keysOn = (graph: Graph, master: string) =>
  [
    ...(readProgram(named(graph, `${master}-control-plane`).program).files[path] ?? "").matchAll(
      /"name":"(key\d+)","secret":"([^"]+)"/g,
    ),
  ].map(([, name, secret]) => [name, secret]);

describe("a new key for Secrets", () => {
  let former: Graph;
  let graph: Graph;
  before(async () => {
    former = await recordNodes(nodes);
    graph = await recordNodes(nodes, { before: former, rotations: { encryption_key: 2 } });
  });

  it("is none where the file asks for none", () => {
    assert.ok(!former.resources.some(({ name }) => name === "encryption"));
    for (const master of masters)
      assert.deepEqual(keysOn(former, master), [["key1", "SECRET-pki-encryption"]]);
  });

  it("is used by all, and all Secrets are stored anew, before the first forgets the former", () => {
    for (const master of masters) {
      assert.deepEqual(keysOn(graph, master), [["key2", "SECRET-pki-encryption-2"]]);
      const waits = closure(graph, named(graph, `${master}-control-plane`).urn);
      assert.ok(waits.has(named(graph, "encryption").urn), master);
    }
    const waits = closure(graph, named(graph, "encryption").urn);
    for (const master of masters)
      assert.ok(waits.has(named(graph, `${master}-credentials`).urn), master);
  });

  it("is a change of the control planes alone, and the former key stays in the state", () => {
    const inputs = new Map(former.resources.map(({ urn, inputs }) => [urn, inputs]));
    const changed = graph.resources.flatMap(({ urn, name, type, inputs: now }) =>
      isDeepStrictEqual(now, inputs.get(urn)) || /:(Cluster|Encryption|StackReference)$/.test(type)
        ? []
        : [name],
    );
    assert.deepEqual(
      changed.sort(),
      [
        "encryption",
        "pki-encryption-2",
        ...masters.map((master) => `${master}-control-plane`),
      ].sort(),
    );
    for (const urn of inputs.keys())
      assert.ok(
        graph.resources.some((one) => one.urn === urn),
        urn,
      );
  });

  it("has every API server decrypt with it before the first encrypts with it", async () => {
    const ran = await whatRuns(() => Promise.resolve(graph.hooks["encryption-used"]?.({})));
    const phases = ran.flatMap(([{ node }, program]) => {
      const [, phase] = /^PHASE='(\w+)'$/m.exec(program) ?? [];
      if (phase === undefined) return [];
      assert.match(program, /"name":"key2","secret":"SECRET-pki-encryption-2"/);
      return [[node.name, phase]];
    });
    assert.deepEqual(
      phases.map(([, phase]) => phase),
      [...masters.map(() => "accept"), ...masters.map(() => "use")],
    );
    assert.deepEqual(
      phases
        .slice(0, 3)
        .map(([name]) => name)
        .sort(),
      masters,
    );
  });

  it("is not taken back", () => {
    const plan = loadCluster(sampleFile("restore"));
    const were = (encryptionKey?: number) => ({
      nodes: { "master-01": { roles: [], ...(encryptionKey !== undefined && { encryptionKey }) } },
    });
    for (const was of [undefined, 1, 2]) refuseFormerKey(were(was), plan, "cluster.yaml");
    assert.throws(
      () => refuseFormerKey(were(3), plan, "cluster.yaml"),
      /cluster\.kubernetes\.rotations\.encryption_key: 2 is a former key, and Secrets are encrypted with key 3: .*give 3, or 4 /,
    );
  });

  it("leaves API servers the former ones where etcd may go back to an older snapshot, and stores anew what it had", async () => {
    const restored = await recordSample("restore");
    for (const master of masters.slice(0, 2)) {
      assert.deepEqual(
        keysOn(restored, master).map(([name]) => name),
        ["key2", "key1"],
      );
      const waits = closure(restored, named(restored, "encryption-restored-encryption").urn);
      assert.ok(waits.has(named(restored, `${master}-control-plane`).urn), master);
    }
  });

  it("shows in a preview what is done in which order, and is in the outputs", async () => {
    const info = mock.method(pulumi.log, "info", () => Promise.resolve());
    try {
      await recordNodes(nodes, { before: former, preview: true, rotations: { encryption_key: 2 } });
      await recordNodes(nodes, { before: graph, preview: true, rotations: { encryption_key: 2 } });
      const said = info.mock.calls.map(({ arguments: [text] }) => text as unknown as string);
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(
        said[0] ?? "",
        /^Key of Secrets 1 -> 2, [^\n]*\n {2}master-01, master-02, master-03: API servers decrypt with key 2, too\n[^]*\n {2}master-03: has no former key any more$/,
      );
    } finally {
      info.mock.restore();
    }
    const known = reveal(graph.outputs.nodes) as Record<string, { encryptionKey?: number }>;
    assert.deepEqual(
      nodes.map((name) => known[name]?.encryptionKey),
      [2, 2, 2, undefined],
    );
  });
});

describe("a new key of service accounts", () => {
  let former: Graph;
  let graph: Graph;
  before(async () => {
    former = await recordNodes(nodes);
    graph = await recordNodes(nodes, { before: former, rotations: { service_account_key: 2 } });
  });
  const pki = "/etc/kubernetes/pki";
  const filesOf = (graph: Graph, master: string) => {
    const { files } = readProgram(named(graph, `${master}-control-plane`).program);
    return [files[`${pki}/sa.key 0600 root:root`], files[`${pki}/sa.pub 0644 root:root`]].map(
      (text) => text?.trim(),
    );
  };

  it("is taken by one API server after the other before the first signs with it", () => {
    const waits = (step: string) => closure(graph, named(graph, step).urn);
    for (const [i, master] of masters.entries()) {
      assert.deepEqual(filesOf(former, master), ["SECRET-pki-sa", "public-pki-sa"]);
      assert.deepEqual(filesOf(graph, master), ["SECRET-pki-sa-2", "public-pki-sa-2public-pki-sa"]);
      const own = waits(`${master}-service-account`);
      for (const [j, other] of masters.entries()) {
        const urn = named(graph, `${other}-service-account`).urn;
        assert.equal(own.has(urn), j < i, `${master} and ${other}`);
        assert.ok(waits(`${master}-control-plane`).has(urn), master);
      }
      assert.match(named(graph, `${master}-service-account`).program, /public-pki-sa-2/);
    }
  });

  it("has tokens of the former one refused only where the file says so, in a later 'up'", async () => {
    const rotations = { service_account_key: 2, oldest_service_account_key: 2 };
    const later = await recordNodes(nodes, { before: graph, rotations });
    for (const master of masters)
      assert.deepEqual(filesOf(later, master), ["SECRET-pki-sa-2", "public-pki-sa-2"]);
    const plan = { ...loadCluster(sampleFile("restore")) };
    const asked = (serviceAccountKey: number, oldestServiceAccountKey: number) => ({
      ...plan,
      kubernetes: {
        ...plan.kubernetes,
        rotations: { ...plan.kubernetes.rotations, serviceAccountKey, oldestServiceAccountKey },
      },
    });
    const was = (serviceAccountKey: number) => ({
      nodes: { "master-01": { roles: [], serviceAccountKey } },
    });
    refuseEndOfTokens(was(2), asked(2, 2), "cluster.yaml");
    refuseEndOfTokens({ nodes: {} }, asked(2, 2), "cluster.yaml");
    assert.throws(
      () => refuseEndOfTokens(was(1), asked(2, 2), "cluster.yaml"),
      /oldest_service_account_key: 2 would end the tokens that are signed with key 1 today; give 1/,
    );
    assert.throws(
      () => refuseEndOfTokens(was(3), asked(2, 1), "cluster.yaml"),
      /service_account_key: 2 is a former key/,
    );
  });
});

describe("authorities that follow others", () => {
  let former: Graph;
  let graph: Graph;
  before(async () => {
    former = await recordNodes(nodes);
    graph = await recordNodes(nodes, { before: former, rotations: { authorities: 2 } });
  });
  const filesOf = (graph: Graph, step: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(readProgram(named(graph, step).program).files).map(([path, text]) => [
        path,
        text.trim(),
      ]),
    );
  const bundle = "/etc/kubernetes/pki/ca.crt 0644 root:root";
  const leaf = "/etc/kubernetes/pki/apiserver.crt 0644 root:root";
  const manager = "/etc/systemd/system/kube-controller-manager.service 0600 root:root";
  const plan = loadCluster(sampleFile("restore"));
  const asked = (authorities: number, oldestAuthorities = 1) => ({
    ...plan,
    kubernetes: {
      ...plan.kubernetes,
      rotations: { ...plan.kubernetes.rotations, authorities, oldestAuthorities },
    },
  });
  const was = (authorities?: number, oldestAuthorities?: number) => ({
    nodes: {
      "master-01": {
        roles: ["master" as const],
        ...(authorities !== undefined && { authorities }),
        ...(oldestAuthorities !== undefined && { oldestAuthorities }),
      },
    },
  });

  it("are none where the file counts none: nothing of it is there", () => {
    for (const { name } of former.resources)
      assert.doesNotMatch(name, /-(authorities|signing|ca-2-.*|by-former-cert)$/);
    assert.equal(filesOf(former, "master-01-credentials")[bundle], "cert-pki-ca-cert");
    assert.ok(
      filesOf(former, "master-01-credentials")["/etc/kubernetes/pki/ca.key 0600 root:root"],
    );
    assert.doesNotMatch(filesOf(former, "master-01-control-plane")[manager] ?? "", /signing\//);
  });

  it("issue what the former ones vouch for, and both are trusted", () => {
    const files = filesOf(graph, "master-01-credentials");
    assert.equal(files[bundle], "cert-pki-ca-2-certcert-pki-ca-cert");
    assert.equal(files[leaf], "cert-pki-master-01-apiserver-certcert-pki-ca-2-by-former-cert");
    const inputs = (name: string) => reveal(named(graph, name).inputs) as Record<string, unknown>;
    for (const name of ["admin", "master-02-apiserver", "approver"])
      assert.equal(inputs(`pki-${name}-cert`).caCertPem, "cert-pki-ca-2-cert");
    assert.equal(inputs("pki-master-02-etcd-peer-cert").caCertPem, "cert-pki-etcd-ca-2-cert");
    const cross = inputs("pki-etcd-ca-2-by-former-cert");
    assert.equal(cross.caCertPem, "cert-pki-etcd-ca-cert");
    assert.equal(cross.isCaCertificate, true);
    assert.deepEqual(inputs("pki-etcd-ca-2-csr").subject, inputs("pki-etcd-ca-2-cert").subject);
    // What those that were there sign with stays in the state.
    for (const { urn } of former.resources)
      assert.ok(
        graph.resources.some((one) => one.urn === urn),
        urn,
      );
  });

  it("come when every node said that it may have them, and sign when all control planes trust them", () => {
    const waits = (step: string) => closure(graph, named(graph, step).urn);
    const urnOf = (step: string) => named(graph, step).urn;
    for (const node of nodes)
      for (const other of nodes) {
        assert.ok(waits(`${node}-credentials`).has(urnOf(`${other}-authorities`)), node);
        assert.ok(!waits(`${node}-authorities`).has(urnOf(`${other}-credentials`)), node);
      }
    for (const master of masters)
      for (const other of masters) {
        assert.ok(waits(`${master}-signing`).has(urnOf(`${other}-control-plane`)), master);
        for (const node of nodes)
          assert.ok(waits(`${node}-kubelet`).has(urnOf(`${other}-signing`)), node);
      }
    const files = filesOf(graph, "master-01-signing");
    assert.equal(
      files["/etc/kubernetes/pki/signing/kubelet-serving-ca.crt 0600 root:root"],
      "cert-pki-kubelet-serving-ca-2-cert",
    );
    assert.match(filesOf(graph, "master-01-control-plane")[manager] ?? "", /signing\/ca\.key/);
  });

  it("are there before the control plane of a master that comes meanwhile, be it the first by name", async () => {
    const grown = await recordNodes(["master-00", ...nodes, "master-09"], {
      before: former,
      rotations: { authorities: 2 },
    });
    const waits = (step: string) => closure(grown, named(grown, step).urn);
    assert.ok(waits("master-00-control-plane").has(named(grown, "master-00-signing").urn));
    assert.ok(!waits("master-01-control-plane").has(named(grown, "master-01-signing").urn));
    // What it signs the former API servers believe by then.
    assert.ok(waits("master-09-control-plane").has(named(grown, "master-09-signing").urn));
    for (const master of masters)
      assert.ok(waits("master-09-signing").has(named(grown, `${master}-control-plane`).urn));
  });

  it("forget the former ones in a later 'up' alone", async () => {
    const rotations = { authorities: 2, oldest_authorities: 2 };
    const later = await recordNodes(nodes, { before: graph, rotations });
    const files = filesOf(later, "master-01-credentials");
    assert.equal(files[bundle], "cert-pki-ca-2-cert");
    assert.equal(files[leaf], "cert-pki-master-01-apiserver-cert");
    refuseEndOfAuthorities(was(2), asked(2, 2), "cluster.yaml");
    refuseEndOfAuthorities({ nodes: {} }, asked(2, 2), "cluster.yaml");
    refuseEndOfAuthorities(was(2), asked(3, 2), "cluster.yaml");
    assert.throws(
      () => refuseEndOfAuthorities(was(), asked(2, 2), "cluster.yaml"),
      /oldest_authorities: 2 would have every certificate refused that is in use today, by authorities 1; give 1/,
    );
    assert.throws(
      () => refuseEndOfAuthorities(was(3), asked(2), "cluster.yaml"),
      /authorities: 2 is a former number, .* give 3, or 4 for others; nothing was changed/,
    );
  });

  it("have an order in words, and stand in the outputs", () => {
    assert.match(
      authoritiesInWords(was(), asked(2)) ?? "",
      /^Authorities 1 -> 2, [^]*all nodes: trust authorities 2, too[^]*etcd restarted\n[^]*control plane restarted\n[^]*sign [^]*kubelet has /,
    );
    assert.match(
      authoritiesInWords(was(3), asked(3, 2)) ?? "",
      /^Authorities before 2 trusted no more[^]*trust authorities 2 to 3 alone\n/,
    );
    assert.equal(authoritiesInWords(was(2, 2), asked(2, 2)), undefined);
    assert.equal(authoritiesInWords({ nodes: {} }, asked(2)), undefined);
    const known = reveal(graph.outputs.nodes) as Record<string, { authorities?: number }>;
    assert.deepEqual(
      nodes.map((name) => known[name]?.authorities),
      [2, 2, 2, undefined],
    );
  });
});
