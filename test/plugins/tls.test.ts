import assert from "assert/strict";
import { execFileSync } from "child_process";
import { createPrivateKey, createPublicKey } from "crypto";
import { mkdtempSync, rmSync, writeFileSync } from "fs";
import { tmpdir } from "os";
import { join } from "path";
import { utils } from "ssh2";
import { type Properties, unknown } from "../../lab/plugins/shared/values";
import { tlsPackage } from "../../lab/plugins/tls/package";
import { plain, Provider, secret, type State } from "./provider";

const types = {
  key: "tls:index/privateKey:PrivateKey",
  request: "tls:index/certRequest:CertRequest",
  selfSigned: "tls:index/selfSignedCert:SelfSignedCert",
  signed: "tls:index/locallySignedCert:LocallySignedCert",
};

describe("the lab's tls provider", () => {
  let provider: Provider;
  let folder: string;

  before(async () => {
    provider = await Provider.serve(tlsPackage, types.key);
    folder = mkdtempSync(join(tmpdir(), "tls-"));
  });
  after(() => {
    provider.close();
    rmSync(folder, { recursive: true });
  });

  const key = (inputs: Properties) => provider.create(inputs);
  const p256 = { algorithm: "ECDSA", ecdsaCurve: "P256" };

  function openssl(...args: string[]): string {
    return execFileSync("openssl", args, { cwd: folder, encoding: "utf8", stdio: "pipe" });
  }

  async function authority(inputs: Properties = {}): Promise<{ key: State; cert: State }> {
    const own = await key(p256);
    const cert = await provider.of(types.selfSigned).create({
      privateKeyPem: secret(plain(own).privateKeyPem ?? ""),
      subject: { commonName: "kubernetes" },
      isCaCertificate: true,
      validityPeriodHours: 87600,
      allowedUses: ["cert_signing", "crl_signing", "digital_signature"],
      ...inputs,
    });
    return { key: own, cert };
  }

  async function signedBy(ca: { key: State; cert: State }, inputs: Properties = {}) {
    const own = await key(p256);
    const request = await provider.of(types.request).create({
      privateKeyPem: secret(plain(own).privateKeyPem ?? ""),
      subject: { commonName: "system:node:n1", organization: "system:nodes" },
      dnsNames: ["localhost", "kubernetes.default"],
      ipAddresses: ["10.96.0.1", "fd00::1"],
      uris: ["spiffe://example/n1"],
    });
    const signedInputs = {
      caCertPem: plain(ca.cert).certPem ?? "",
      caPrivateKeyPem: secret(plain(ca.key).privateKeyPem ?? ""),
      certRequestPem: plain(request).certRequestPem ?? "",
      validityPeriodHours: 10,
      allowedUses: ["digital_signature", "server_auth", "client_auth"],
      ...inputs,
    };
    return {
      request,
      inputs: signedInputs,
      cert: await provider.of(types.signed).create(signedInputs),
    };
  }

  it("makes keys in every format, and keeps the private ones secret", async () => {
    const headers = { RSA: "RSA PRIVATE KEY", ECDSA: "EC PRIVATE KEY", ED25519: "PRIVATE KEY" };
    for (const [algorithm, header] of Object.entries(headers)) {
      const state = await key({ algorithm, ecdsaCurve: "P384" });
      const outputs = plain(state);
      assert.deepEqual([...state.secrets].sort(), [
        "privateKeyOpenssh",
        "privateKeyPem",
        "privateKeyPemPkcs8",
      ]);
      assert.match(outputs.privateKeyPem ?? "", new RegExp(`^-----BEGIN ${header}-----\n`));
      const derived = createPublicKey(createPrivateKey(outputs.privateKeyPemPkcs8 ?? ""));
      assert.equal(derived.export({ format: "pem", type: "spki" }), outputs.publicKeyPem);
      const parsed = utils.parseKey(outputs.privateKeyOpenssh ?? "");
      assert(!(parsed instanceof Error));
      assert.equal(
        `${parsed.type} ${parsed.getPublicSSH().toString("base64")}\n`,
        outputs.publicKeyOpenssh,
      );
      writeFileSync(join(folder, "key.pub"), outputs.publicKeyOpenssh ?? "");
      const fingerprint = outputs.publicKeyFingerprintSha256 ?? "";
      assert(execFileSync("ssh-keygen", ["-lf", join(folder, "key.pub")]).includes(fingerprint));
    }
  });

  it("defaults to P-224 as upstream does, which OpenSSH does not know", async () => {
    const outputs = plain(await key({ algorithm: "ECDSA" }));
    assert.equal(outputs.ecdsaCurve, "P224");
    assert.equal(outputs.publicKeyOpenssh, "");
    assert.equal(outputs.privateKeyOpenssh, "");
    await assert.rejects(key({ algorithm: "DSA" }), /^Error: algorithm: is 'DSA', must be RSA or/);
  });

  it("issues certificates that openssl verifies, names and uses included", async () => {
    const ca = await authority();
    const { cert } = await signedBy(ca);
    writeFileSync(join(folder, "ca.pem"), plain(ca.cert).certPem ?? "");
    writeFileSync(join(folder, "cert.pem"), plain(cert).certPem ?? "");
    const purposes = ["sslserver", "sslclient"];
    for (const purpose of purposes) {
      const verified = openssl(
        ...["verify", "-x509_strict", "-purpose", purpose, "-CAfile", "ca.pem", "cert.pem"],
      );
      assert.equal(verified, "cert.pem: OK\n");
    }
    const text = openssl("x509", "-in", "cert.pem", "-noout", "-text");
    assert.match(text, /Subject: O = system:nodes, CN = system:node:n1/);
    assert.match(text, /Basic Constraints: critical\s+CA:FALSE/);
    assert.match(text, /Key Usage: critical\s+Digital Signature/);
    assert.match(
      text,
      /DNS:localhost, DNS:kubernetes.default, IP Address:10.96.0.1, IP Address:FD00/,
    );
    assert.match(text, /URI:spiffe:\/\/example\/n1/);
    const caText = openssl("x509", "-in", "ca.pem", "-noout", "-text");
    assert.match(caText, /Basic Constraints: critical\s+CA:TRUE/);
    const [, subjectId] = /Subject Key Identifier: \n\s+(\S+)/.exec(caText) ?? [];
    const [, authorityId] = /Authority Key Identifier: \n\s+(\S+)/.exec(text) ?? [];
    assert.equal(authorityId, subjectId);
    assert.match(plain(cert).validityEndTime ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
    assert.deepEqual(cert.secrets, ["caPrivateKeyPem"]);
  });

  it("signs with every kind of key it takes", async () => {
    const kinds = [{ algorithm: "RSA" }, { algorithm: "ED25519" }, { ...p256, ecdsaCurve: "P521" }];
    for (const kind of kinds) {
      const own = await key(kind);
      const cert = await provider.of(types.selfSigned).create({
        privateKeyPem: secret(plain(own).privateKeyPem ?? ""),
        subject: { commonName: "own" },
        validityPeriodHours: 1,
        allowedUses: ["server_auth"],
      });
      assert.equal(plain(cert).keyAlgorithm, kind.algorithm);
      writeFileSync(join(folder, "own.pem"), plain(cert).certPem ?? "");
      assert.equal(openssl("verify", "-CAfile", "own.pem", "own.pem"), "own.pem: OK\n");
    }
  });

  it("replaces on any change but that of the renewal window", async () => {
    const { cert, inputs } = await signedBy(await authority());
    const signed = provider.of(types.signed);
    assert.deepEqual(await signed.diff(cert, inputs), {
      changed: [],
      replaces: [],
      deleteBeforeReplace: false,
    });
    const longer = { ...inputs, validityPeriodHours: 11 };
    assert.deepEqual((await signed.diff(cert, longer)).replaces, ["validityPeriodHours"]);
    const window = { ...inputs, earlyRenewalHours: 5 };
    assert.deepEqual(await signed.diff(cert, window), {
      changed: ["earlyRenewalHours"],
      replaces: [],
      deleteBeforeReplace: false,
    });
    const updated = await signed.update(cert, window);
    assert.equal(plain(updated).certPem, plain(cert).certPem);
    assert.equal(plain(await signed.update(cert, window, true)).certPem, plain(cert).certPem);
    const due = await signed.diff(cert, { ...inputs, earlyRenewalHours: 10 });
    assert(due.replaces.includes("readyForRenewal"));
  });

  it("has what is default in the outputs alone, and replaces nothing of a state that says it", async () => {
    const { cert, inputs } = await signedBy(await authority());
    assert.deepEqual(Object.keys(cert.inputs).sort(), Object.keys(inputs).sort());
    const spelled = { earlyRenewalHours: 0, isCaCertificate: false, setSubjectKeyId: false };
    for (const [name, value] of Object.entries(spelled)) assert.equal(cert.outputs[name], value);
    const said = { ...cert, inputs: { ...cert.inputs, ...spelled } };
    assert.deepEqual((await provider.of(types.signed).diff(said, inputs)).changed, []);
  });

  it("refuses uses it does not know, and an authority without a name", async () => {
    await assert.rejects(
      authority({ allowedUses: ["serverAuth"] }),
      /^Error: allowedUses: holds 'serverAuth'; known are/,
    );
    await assert.rejects(authority({ subject: {} }), /'subject' must hold at least one name/);
  });

  it("knows nothing of a certificate at preview", async () => {
    const cert = await provider.of(types.signed).create(
      {
        caCertPem: unknown,
        caPrivateKeyPem: secret(unknown),
        certRequestPem: unknown,
        validityPeriodHours: 1,
        allowedUses: [],
      },
      true,
    );
    assert.equal(plain(cert).certPem, unknown);
    // The SDK marks no secret that is not known yet.
    const request = await provider.of(types.request).check({ privateKeyPem: unknown });
    assert.deepEqual(request, { privateKeyPem: secret(unknown) });
  });
});
