import assert from "node:assert/strict";
import { filesOn } from "./nodeFiles";
import { type Graph, reveal } from "./record";
import { recordSample } from "./samples";
import { named } from "./select";

/** Of each certificate its authority, common name, organization, and what it is good for. */
const issued: Readonly<Record<string, readonly [string, string, string | undefined, string]>> = {
  "apiserver-kubelet-client": ["ca", "kube-apiserver-kubelet-client", undefined, "client"],
  "apiserver-etcd-client": ["etcd-ca", "kube-apiserver-etcd-client", undefined, "client"],
  "front-proxy-client": ["front-proxy-ca", "front-proxy-client", undefined, "client"],
  admin: ["ca", "kubernetes-admin", "kubeadm:cluster-admins", "client"],
  "super-admin": ["ca", "kubernetes-super-admin", "system:masters", "client"],
  "controller-manager": ["ca", "system:kube-controller-manager", undefined, "client"],
  scheduler: ["ca", "system:kube-scheduler", undefined, "client"],
  "kube-proxy": ["ca", "system:kube-proxy", undefined, "client"],
  approver: ["ca", "groundwork-approver", undefined, "client"],
  "master-01-apiserver": ["ca", "kube-apiserver", undefined, "server"],
  "master-01-etcd-server": ["etcd-ca", "master-01", undefined, "client server"],
  "master-01-etcd-peer": ["etcd-ca", "master-01", undefined, "client server"],
};

/** Whose certificate each client on a master shows. */
const clients: Readonly<Record<string, string>> = {
  "admin.conf": "admin",
  "controller-manager.conf": "controller-manager",
  "scheduler.conf": "scheduler",
  "kube-proxy.conf": "kube-proxy",
};

/** Whose certificate and key each pair of files is. */
const pairs: Readonly<Record<string, string>> = {
  "/etc/kubernetes/pki/apiserver": "master-01-apiserver",
  "/etc/kubernetes/pki/apiserver-kubelet-client": "apiserver-kubelet-client",
  "/etc/kubernetes/pki/apiserver-etcd-client": "apiserver-etcd-client",
  "/etc/kubernetes/pki/front-proxy-client": "front-proxy-client",
  "/etc/kubernetes/pki/ca": "ca",
  "/etc/kubernetes/pki/kubelet-serving-ca": "kubelet-serving-ca",
  "/etc/etcd/pki/server": "master-01-etcd-server",
  "/etc/etcd/pki/peer": "master-01-etcd-peer",
};

describe("the certificates of a cluster", () => {
  let graph: Graph;
  before(async () => {
    graph = await recordSample("small");
  });
  const inputsOf = (name: string) => reveal(named(graph, name).inputs) as Record<string, unknown>;

  for (const [name, [authority, commonName, organization, uses]] of Object.entries(issued)) {
    it(`pki-${name} is of ${authority}, and good for ${uses} alone`, () => {
      const { subject } = inputsOf(`pki-${name}-csr`);
      const wanted = { commonName, ...(organization === undefined ? {} : { organization }) };
      assert.deepEqual(subject, wanted, `pki-${name}-csr`);
      const cert = inputsOf(`pki-${name}-cert`);
      assert.equal(cert.caCertPem, `cert-pki-${authority}-cert`);
      assert.equal(cert.caPrivateKeyPem, `SECRET-pki-${authority}-key`);
      assert.ok(!cert.isCaCertificate, `pki-${name}-cert may sign others`);
      const auth = uses.split(" ").map((use) => `${use}_auth`);
      const given = cert.allowedUses as string[];
      assert.deepEqual(given.filter((use) => !/^(digital_|key_)/.test(use)).sort(), auth);
      assert.equal(cert.validityPeriodHours, 365 * 24);
      assert.equal(cert.earlyRenewalHours, 60 * 24, `pki-${name}-cert is not renewed in time`);
    });
  }

  it("are of four authorities that trust only themselves", () => {
    for (const authority of ["ca", "etcd-ca", "front-proxy-ca", "kubelet-serving-ca"]) {
      const cert = inputsOf(`pki-${authority}-cert`);
      assert.equal(cert.isCaCertificate, true);
      assert.equal(cert.privateKeyPem, `SECRET-pki-${authority}-key`);
    }
    const known = Object.keys(issued).map((name) => name.replace("master-01", "master"));
    for (const { name, type } of graph.resources)
      if (type.endsWith(":LocallySignedCert")) {
        const kind = /^pki-(.+)-cert$/.exec(name)?.[1]?.replace(/^master-\d+/, "master");
        assert.ok(known.includes(kind ?? ""), `this test does not know ${name}`);
      }
  });

  it("are for a master's own names and addresses, and no other's", () => {
    const local = ["master-01", "localhost"];
    const addresses = ["10.0.0.11", "127.0.0.1"];
    for (const role of ["server", "peer"]) {
      const { dnsNames, ipAddresses } = inputsOf(`pki-master-01-etcd-${role}-csr`);
      assert.deepEqual([dnsNames, ipAddresses], [local, addresses], role);
    }
    const { dnsNames, ipAddresses } = inputsOf("pki-master-01-apiserver-csr");
    const service = ["", ".default", ".default.svc", ".default.svc.cluster.local"];
    assert.deepEqual(dnsNames, [...local, ...service.map((rest) => `kubernetes${rest}`)]);
    assert.deepEqual(ipAddresses, [...addresses, "10.96.0.1"]);
  });

  it("are for what else the file calls the API by, once each", async () => {
    const single = await recordSample("single");
    const { dnsNames, ipAddresses } = reveal(named(single, "pki-node-01-apiserver-csr").inputs) as {
      dnsNames: string[];
      ipAddresses: string[];
    };
    assert.deepEqual(dnsNames.slice(-2), ["api.example.org", "vip.example.org"]);
    assert.deepEqual(ipAddresses, ["10.0.0.11", "127.0.0.1", "10.97.0.1", "203.0.113.7"]);
  });

  it("lie on a master for whom they were made", async () => {
    const files = await filesOn("small", "master-01");
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    for (const [file, name] of Object.entries(clients)) {
      const content = files.get(`/etc/kubernetes/${file}`)?.content ?? "";
      assert.ok(content.includes(base64(`cert-pki-${name}-cert`)), `${file} is not ${name}'s`);
      assert.ok(content.includes(base64(`SECRET-pki-${name}-key`)), `${file} lacks its key`);
    }
    for (const [path, name] of Object.entries(pairs)) {
      assert.equal(files.get(`${path}.crt`)?.content, `cert-pki-${name}-cert\n`, `${path}.crt`);
      assert.equal(files.get(`${path}.key`)?.content, `SECRET-pki-${name}-key\n`, `${path}.key`);
    }
    for (const [path, authority] of [
      ["/etc/kubernetes/pki/etcd/ca.crt", "etcd-ca"],
      ["/etc/kubernetes/pki/front-proxy-ca.crt", "front-proxy-ca"],
      ["/etc/etcd/pki/ca.crt", "etcd-ca"],
    ] as const)
      assert.equal(files.get(path)?.content, `cert-pki-${authority}-cert\n`, path);
    const superAdmin = base64("SECRET-pki-super-admin-key");
    for (const { path, content } of files.values())
      assert.ok(!content.includes(superAdmin), `${path} gives all rights to whoever reads it`);
    assert.match(
      files.get("/etc/kubernetes/pki/approver.pem")?.content ?? "",
      /SECRET-pki-approver-key/,
    );
  });
});
