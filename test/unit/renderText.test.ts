import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parse } from "yaml";
import { haproxyConfig } from "../../steps/kubelet/apiProxy";
import { corefile } from "../../manifests/coredns";
import { renderKubeconfig } from "../../steps/credentials/kubeconfig";
import { kubelet } from "../../steps/kubelet";
import { kubeletConfiguration } from "../../steps/kubelet/units";
import { containerdConfig } from "../../steps/prepare/files";
import {
  registrationBinding,
  registrationPolicy,
  requestNamesBinding,
  requestNamesPolicy,
} from "../../manifests/registration";
import { flannel } from "../../networks/flannel";
import { clusterRoleBindings, clusterRoles, ticketsRole } from "../../manifests/rbac";
import { planOf, sampleFile, withValue } from "./clusterSample";

const text = fc.string({ unit: "binary" }).filter((text) => !text.includes("\0"));
const base64 = (value: string) => Buffer.from(value).toString("base64");

describe("a kubeconfig", () => {
  const servers = { one: "https://10.0.0.1:6443", two: "https://10.0.0.2:6443" };

  it("has a context for each server, the first of them current", () => {
    const config = parse(
      renderKubeconfig({
        cluster: "sample",
        user: "admin",
        servers,
        ca: "CA",
        credentials: { token: "id.secret" },
      }),
    ) as Record<string, unknown>;
    assert.equal(config["current-context"], "one");
    const context = (name: string) => ({ name, context: { cluster: name, user: "admin" } });
    assert.deepEqual(config.contexts, [context("one"), context("two")]);
    assert.deepEqual(config.users, [{ name: "admin", user: { token: "id.secret" } }]);
  });

  it("carries any certificate and key unchanged", () => {
    fc.assert(
      fc.property(text, text, text, (ca, cert, key) => {
        const credentials = { cert, key };
        const config = parse(
          renderKubeconfig({ cluster: "c", user: "u", servers, ca, credentials }),
        ) as {
          clusters: { cluster: Record<string, string> }[];
          users: { user: Record<string, string> }[];
        };
        assert.equal(config.clusters[1]?.cluster["certificate-authority-data"], base64(ca));
        assert.deepEqual(config.users[0]?.user, {
          "client-certificate-data": base64(cert),
          "client-key-data": base64(key),
        });
      }),
    );
  });
});

describe("what the file asks for", () => {
  const first = <T>([value]: readonly T[]): T => {
    assert.ok(value);
    return value;
  };

  it("registers a node with the operator's taints", () => {
    const taints = [
      { key: "disk", value: "slow", effect: "NoSchedule" },
      { key: "spare", effect: "NoExecute" },
    ];
    const plan = planOf(withValue(sampleFile(), ["nodes", 1, "taints"], taints));
    const config = parse(kubeletConfiguration(plan, first(plan.nodes.slice(1)))) as {
      registerWithTaints: unknown;
    };
    assert.deepEqual(config.registerWithTaints, [taints[0], { ...taints[1], value: "" }]);
  });

  it("keeps room on a node for what runs there beside pods, by its roles", () => {
    const changes: [(string | number)[], unknown][] = [
      [
        ["nodes", 0, "roles"],
        ["master", "ceph-mon"],
      ],
      [
        ["nodes", 1, "roles"],
        ["worker", "ceph-osd"],
      ],
      [
        ["nodes", 1, "storage"],
        { devices: ["a", "b"].map((disk) => ({ path: `/dev/disk/by-id/${disk}` })) },
      ],
      [["cluster", "ceph"], { osd_memory_target: 2 ** 30 + 1 }],
    ];
    const file = changes.reduce(
      (file, [path, value]) => withValue(file, path, value),
      sampleFile(),
    );
    const cluster = planOf(file);
    assert.deepEqual(
      cluster.nodes.map((node) => {
        const { SYSTEM_CPU, SYSTEM_MEMORY } = kubelet({ cluster, node, reads: "" }).variables;
        return [SYSTEM_CPU, SYSTEM_MEMORY];
      }),
      [
        ["800", String(100 + 1024 + 1024)],
        ["500", String(100 + 2 * 1025)],
        ["100", "100"],
      ],
    );
  });

  it("tells kubelets of no more pods than a node has addresses for, unless the file says fewer", () => {
    const maxPods = (size: number, config: object = {}) => {
      const networking = { pod_cidr: "10.244.0.0/16", node_cidr_mask_size: size };
      const sized = withValue(sampleFile(), ["cluster", "networking"], networking);
      const plan = planOf(withValue(sized, ["nodes", 1, "kubelet"], { config }));
      const text = kubeletConfiguration(plan, first(plan.nodes.slice(1)));
      return (parse(text) as { maxPods?: number }).maxPods;
    };
    assert.deepEqual(
      [23, 24, 25, 26, 28].map((size) => maxPods(size)),
      [undefined, undefined, undefined, 60, 12],
    );
    assert.equal(maxPods(26, { maxPods: 30 }), 30);
  });

  it("starts pods from the cluster's pause image, by systemd's cgroups where there are any", () => {
    const plan = planOf(sampleFile());
    const config = containerdConfig(plan);
    assert.ok(config.includes(`sandbox_image = "${plan.images.pause}"`));
    // The prepare step knows the machine; a mark it does not know would stay.
    const marks = [...config.matchAll(/@(\w+)@/g)].map(([mark]) => mark);
    const prepare = readFileSync(join(__dirname, "../../steps/lib/prepare-lib.sh"), "utf8");
    assert.equal(marks.length, 2);
    for (const mark of marks) assert.ok(prepare.includes(`s/${mark}/`), `${mark} stays`);
  });

  it("resolves names in the cluster's own domain", () => {
    const config = corefile({ clusterDomain: "cluster.example" });
    assert.match(config, /^ {4}kubernetes cluster\.example in-addr\.arpa/m);
    // Kubeadm's plugins: `loop` ends a CoreDNS that asks itself, `ready` holds back what has not synchronised.
    const plugins = [...config.matchAll(/^ {4}(\w+)/gm)].map(([, plugin]) => plugin);
    const kubeadms =
      "errors health ready kubernetes prometheus forward cache loop reload loadbalance";
    assert.deepEqual(plugins, kubeadms.split(" "));
  });

  it("has one backend for each master", () => {
    const one = planOf(sampleFile());
    assert.equal(haproxyConfig(one).match(/^ {2}server /gm)?.length, 1);
  });

  it("lets kubelets make the Nodes that are declared, and judges nothing else", () => {
    const { matchConstraints, matchConditions, failurePolicy, validations } =
      registrationPolicy.spec;
    assert.deepEqual(matchConstraints.resourceRules, [
      { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["nodes"] },
    ]);
    assert.match(matchConditions.map(({ expression }) => expression).join(), /^'system:nodes' in /);
    assert.match(validations[0]?.expression ?? "", /object\.metadata\.name in params\.data$/);
    const { paramRef, validationActions } = registrationBinding.spec;
    assert.deepEqual(
      [failurePolicy, paramRef.parameterNotFoundAction, ...validationActions],
      [...["Fail", "Deny", "Deny"]],
    );
  });

  it("lets nodes that are not managed alone ask under their names, and makes nothing of it without such", () => {
    const { spec } = requestNamesPolicy(["edge-01", "edge-02"]);
    assert.equal(
      spec.variables[0]?.expression,
      "{'edge-01': 'edge-01', 'edge-01-tls': 'edge-01', 'edge-02': 'edge-02', 'edge-02-tls': 'edge-02'}",
    );
    assert.deepEqual(
      spec.matchConstraints.resourceRules.map(({ operations, resources }) => [
        ...operations,
        ...resources,
      ]),
      [["CREATE", "certificatesigningrequests"]],
    );
    assert.deepEqual(
      [spec.failurePolicy, ...requestNamesBinding.spec.validationActions],
      ["Fail", "Deny"],
    );
    const [rule] = ticketsRole.rules;
    assert.deepEqual(
      [rule?.resourceNames, rule?.verbs],
      [["groundwork-tickets"], ["get", "patch"]],
    );
  });

  it("lets Kubernetes approve no node's certificate unseen", () => {
    const roles = clusterRoleBindings.map(({ role }) => role);
    assert.ok(!roles.some((role) => /nodeclient$|selfnodeserver/.test(role)), roles.join(", "));
    const ofTokens = clusterRoleBindings.filter(({ subject }) => /bootstrap/.test(subject.name));
    assert.deepEqual(
      ofTokens.map(({ role }) => role),
      ["system:node-bootstrapper"],
    );
  });

  it("gives the admission service kubelets' signers and its one list, and no rights to everybody", () => {
    const { "groundwork-approver": approver } = clusterRoles;
    const verbs = approver.map(({ resources, verbs, ...rest }) => [
      ...resources,
      ...("resourceNames" in rest ? rest.resourceNames : []),
      ...verbs,
    ]);
    assert.deepEqual(verbs, [
      ["certificatesigningrequests", "watch"],
      ["certificatesigningrequests/approval", "update"],
      [
        "signers",
        "kubernetes.io/kube-apiserver-client-kubelet",
        "kubernetes.io/kubelet-serving",
        "approve",
      ],
      ["configmaps", "groundwork-nodes", "get"],
    ]);
    // All nodes have it: whoever could write by it could write to every Node.
    assert.deepEqual(flannel.roles.flannel, [
      { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] },
    ]);
    for (const { verbs, resources } of approver)
      assert.ok(![...verbs, ...resources].includes("*"), resources.join());
    for (const { name, subject } of [...clusterRoleBindings, ...flannel.bindings])
      assert.doesNotMatch(
        subject.name,
        /^system:(anonymous|unauthenticated|authenticated|masters)$/,
        name,
      );
  });
});
