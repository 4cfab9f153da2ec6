import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needsOf } from "../../commands/artifacts";
import { judge } from "../../status/judge";
import type { ClusterStatus } from "../../status/cluster";
import { type Graph, recordProgram, type Registration, reveal } from "../graph/record";
import { readProgram } from "../graph/program";
import { sampleFile } from "../graph/samples";
import { problemsOf, sampleFile as sampleData, withValue } from "./clusterSample";
import { programOf, replaced } from "./fakeMachine";
import { plan, statusWith } from "./statusSample";

const at = "cluster.networking.flannel.network_policy";
const image =
  "registry.k8s.io/networking/kube-network-policies:v1.1.1@sha256:fa4a8a823da474dd6efa3bb80347b5ac58376370e1c179c5d3fa462e14b0e465";

interface Pods {
  readonly hostNetwork: boolean;
  readonly containers: readonly {
    readonly image: string;
    readonly args: readonly string[];
    readonly securityContext: object;
  }[];
}

describe("NetworkPolicy beside flannel", function () {
  this.timeout(60_000);
  let folder: string;
  let file: string;
  let graph: Graph;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-policies-"));
    file = join(folder, "cluster.yaml");
    const settings =
      "plugin: flannel, flannel: { network_policy: { enabled: true, default_deny: [web, default, web] } }";
    const text = readFileSync(sampleFile("small"), "utf8");
    writeFileSync(file, replaced(text, "plugin: flannel", settings));
    graph = await recordProgram(file);
  });
  after(() => rmSync(folder, { recursive: true }));

  const objects = (kind: string, of = graph) =>
    of.resources.filter(({ type, name }) => type.endsWith(`:${kind}`) && /-network-/.test(name));
  const only = (kind: string): Registration => {
    const [object, ...more] = objects(kind);
    assert.ok(object && more.length === 0, kind);
    return object;
  };
  const inputs = <T>({ inputs }: Registration) => reveal(inputs) as T;

  it("is not there unless the file asks for it", async () => {
    const without = await recordProgram(sampleFile("small"));
    assert.ok(!without.resources.some(({ name }) => name.includes("network-policies")));
    assert.doesNotMatch(
      JSON.stringify(readProgram(programOf(without, "worker-01-prepare"))),
      /nft_queue/,
    );
  });

  it("runs upstream's image by digest on every node, with the right to change the network alone", () => {
    const { spec } = inputs<{ spec: { template: { spec: Pods } } }>(only("DaemonSet"));
    const { hostNetwork, containers } = spec.template.spec;
    assert.ok(hostNetwork);
    assert.equal(containers[0]?.image, image);
    assert.ok(containers[0].args.includes("--fail-open=true"));
    assert.deepEqual(containers[0].securityContext, {
      allowPrivilegeEscalation: false,
      capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
      readOnlyRootFilesystem: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    assert.doesNotMatch(JSON.stringify(spec), /hostPath|privileged/);
  });

  it("may read pods, namespaces and policies, and nothing else", () => {
    const { rules } = inputs<{ rules: object[] }>(only("ClusterRole"));
    const verbs = ["list", "watch"];
    assert.deepEqual(rules, [
      { apiGroups: [""], resources: ["pods", "namespaces"], verbs },
      { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs },
    ]);
  });

  it("denies by default in the namespaces of the file, which are made, and never deleted", () => {
    const policies = objects("NetworkPolicy");
    assert.deepEqual(
      policies
        .map((one) => inputs<{ metadata: object; spec: object }>(one))
        .map(({ spec }) => spec),
      Array(2).fill({ podSelector: {}, policyTypes: ["Ingress", "Egress"] }),
    );
    const namespaces = objects("Namespace");
    assert.deepEqual(
      namespaces.map((one) => inputs<{ metadata: { name: string } }>(one).metadata.name),
      ["default", "web"],
    );
    for (const [i, namespace] of namespaces.entries()) {
      assert.equal(namespace.retainOnDelete, true);
      assert.ok(policies[i]?.dependsOn.includes(namespace.urn), namespace.name);
    }
    assert.ok(policies.every(({ retainOnDelete }) => !retainOnDelete));
  });

  it("has the kernel's modules loaded, and its image among what a mirror needs", () => {
    const { files } = readProgram(programOf(graph, "worker-01-prepare"));
    assert.match(
      files["/etc/modules-load.d/groundwork.conf 0644 root:root"] ?? "",
      /^vxlan\nnft_queue\nnfnetlink_queue$/m,
    );
    assert.ok(needsOf(file).images.includes(image));
    assert.ok(!needsOf(sampleFile("small")).images.includes(image));
  });

  it("has its table taken off with the cluster", () => {
    const { variables } = readProgram(programOf(graph, "worker-01-claim"));
    assert.match(variables.NETWORK_TABLES ?? "", /(^|\|)kube-network-policies($|\|)/);
  });

  for (const [what, settings, ...problems] of [
    [
      "namespaces without what enforces it",
      { default_deny: ["web"] },
      `${at}.default_deny: has namespaces, and nothing would enforce it; set enabled: true, or take them away`,
    ],
    [
      "the namespace of the cluster's DNS",
      { enabled: true, default_deny: ["kube-system"] },
      `${at}.default_deny[0]: kube-system has the cluster's DNS, which everybody asks; leave it out`,
    ],
  ] as const)
    it(`is refused for ${what}`, () => {
      const data = withValue(sampleData(), at.split("."), settings);
      assert.deepEqual(
        problemsOf(data).map((line) => line.trim()),
        problems,
      );
    });

  it("is missed by the status where nobody enforces it, if the file asks for it", () => {
    const status = statusWith({
      "worker-01": ({ network }) => network && (network.policies = false),
      "worker-02": ({ network }) => network && (network.policies = true),
    });
    const found = (of: ClusterStatus) => judge(of).map(({ what }) => what);
    assert.deepEqual(found(status), []);
    const settings = { network_policy: { enabled: true, default_deny: [] } };
    const asked = { ...plan, networking: { ...plan.networking, settings } };
    assert.deepEqual(found({ ...status, plan: asked }), [
      "NetworkPolicy is not enforced on worker-01: kube-network-policies does not judge packets there, and they pass",
    ]);
  });
});
