import assert from "node:assert/strict";
import { comeWith, knownFlags } from "../../config/flags";
import { gates, minors } from "../../config/gates/gates";
import type { Daemon } from "../../config/owned";
import { etcdMinors, kubernetesMinors } from "../../config/versions";
import { allChecksums, type FileData, problemsOf, sampleFile, withValue } from "./clusterSample";

/** What is wrong with a file that sets this below `cluster.kubernetes`, with that version of Kubernetes. */
function problems(place: string, value: unknown, version = "1.36.3"): string[] {
  const settings: readonly (readonly [string, unknown])[] = [
    ["cluster.kubernetes.version", version],
    ["cluster.artifacts.sha256", allChecksums(version)],
    [place, value],
  ];
  const file = settings.reduce<FileData>(
    (data, [path, value]) => withValue(data, path.split("."), value),
    sampleFile(),
  );
  return problemsOf(file);
}
const apiServer = "cluster.kubernetes.api_server.extra_args";
const featureGates = (value: string, version?: string) =>
  problems(apiServer, { "feature-gates": value }, version);
const said = `${apiServer}.feature-gates: `;

describe("what a version of Kubernetes or etcd takes", () => {
  it("is known for every minor version that a file may name, of feature gates as of flags", () => {
    assert.deepEqual(minors.slice(-kubernetesMinors.length), [...kubernetesMinors]);
    assert.deepEqual([...etcdMinors], ["3.6", "3.7"]);
    const names = Object.entries(gates);
    assert.ok(names.length > 200);
    for (const [name, is] of names) assert.match(is, /^[-+o.]{5}$/, name);
    for (const [daemon, flags] of Object.entries(comeWith))
      for (const name of Object.keys(flags))
        assert.ok(knownFlags[daemon as Daemon].includes(name), name);
  });

  it("is a feature gate that it has, set as it may be", () => {
    assert.deepEqual(featureGates("AllAlpha=false,APIResponseCompression=True"), []);
    assert.deepEqual(featureGates("APIServerTracing=true"), []);
    assert.deepEqual(
      problems("cluster.kubernetes.kubelet.config", { featureGates: { AllBeta: false } }),
      [],
    );
  });

  it("is no feature gate that is gone, comes later, is locked, or never was", () => {
    assert.deepEqual(featureGates("APIListChunking=true"), [
      `${said}APIListChunking is a feature gate that is gone since Kubernetes 1.33, and cluster.kubernetes.version is 1.36.3; remove it`,
    ]);
    const [late = ""] = Object.entries(gates).find(([, is]) => is === "....o") ?? [];
    assert.deepEqual(featureGates(`${late}=true`, "1.35.4"), [
      `${said}${late} is a feature gate that comes with Kubernetes 1.36, and cluster.kubernetes.version is 1.35.4; remove it`,
    ]);
    assert.deepEqual(featureGates("AllAlpha=true,APIServerTracing=false"), [
      `${said}APIServerTracing cannot be set to false in Kubernetes 1.36, which has it locked to true; remove it`,
    ]);
    assert.deepEqual(featureGates("APIServerTracin=true"), [
      `${said}APIServerTracin is no feature gate of Kubernetes 1.36; did you mean APIServerTracing?`,
    ]);
    assert.match(featureGates("APIServerTracing").join(), /sets no feature gate; give NAME=true/);
    assert.match(
      problems("cluster.kubernetes.kubelet.config", { featureGates: { Gone: true } }).join(),
      /kubelet\.config\.featureGates\.Gone: Gone is no feature gate of Kubernetes 1\.36; /,
    );
  });

  it("is no matter of gates where a program is to behave as a former version", () => {
    const flags = { "feature-gates": "APIListChunking=true", "emulated-version": "1.35" };
    assert.deepEqual(problems(apiServer, flags), []);
  });

  it("is a flag that it has", () => {
    assert.deepEqual(problems(apiServer, { "tls-curve-preferences": "X25519" }), []);
    assert.deepEqual(problems(apiServer, { "tls-curve-preferences": "X25519" }, "1.35.4"), [
      `${apiServer}.tls-curve-preferences: tls-curve-preferences comes with Kubernetes 1.36, and cluster.kubernetes.version is 1.35.4; remove it`,
    ]);
  });

  it("is none of etcd's experimental flags from 3.7 on", () => {
    const etcd = (version: string, name: string, value: string) => {
      const path = ["cluster", "kubernetes", "etcd", "extra_args"];
      const file = withValue(sampleFile(), ["cluster", "versions", "etcd"], version);
      const sums = Object.fromEntries(
        ["amd64", "arm64"].map((arch) => [
          `github.com/etcd-io/etcd/releases/download/v${version}/etcd-v${version}-linux-${arch}.tar.gz`,
          "ab".repeat(32),
        ]),
      );
      const sha256 = { ...allChecksums(), ...sums };
      return problemsOf(
        withValue(withValue(file, ["cluster", "artifacts", "sha256"], sha256), path, {
          [name]: value,
        }),
      );
    };
    const name = "experimental-compact-hash-check-time";
    assert.deepEqual(etcd("3.6.17", name, "1m"), []);
    assert.deepEqual(etcd("3.7.3", name, "1m"), [
      `cluster.kubernetes.etcd.extra_args.${name}: ${name} is gone since etcd 3.7, and cluster.versions.etcd is 3.7.3; give compact-hash-check-time in its place`,
    ]);
    assert.match(
      etcd("3.7.3", "experimental-enable-lease-checkpoint", "true").join(),
      /is gone since etcd 3\.7, .*; remove it/,
    );
    assert.deepEqual(etcd("3.7.3", "quota-backend-bytes", "8589934592"), []);
  });
});
