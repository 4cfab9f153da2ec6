import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

const library = join(__dirname, "../../networks/calico/calico-manifest-lib.sh");

/** What of upstream's manifest is replaced, as it stands there, with as little beside it as can be. */
const manifest = `
apiVersion: v1
kind: ServiceAccount
metadata: { name: calico-node, namespace: kube-system }
---
kind: ConfigMap
apiVersion: v1
metadata: { name: calico-config, namespace: kube-system }
data: { typha_service_name: none, calico_backend: bird, veth_mtu: "0" }
---
kind: DaemonSet
apiVersion: apps/v1
metadata: { name: calico-node, namespace: kube-system }
spec:
  template:
    metadata: { labels: { k8s-app: calico-node } }
    spec:
      initContainers:
        - { name: upgrade-ipam, image: "quay.io/calico/cni:v3.32.1" }
        - name: install-cni
          image: quay.io/calico/cni:v3.32.1
          envFrom: [{ configMapRef: { name: kubernetes-services-endpoint, optional: true } }]
          env: [{ name: CNI_CONF_NAME, value: 10-calico.conflist }]
        - { name: ebpf-bootstrap, image: "quay.io/calico/node:v3.32.1" }
      containers:
        - name: calico-node
          image: quay.io/calico/node:v3.32.1
          envFrom: [{ configMapRef: { name: kubernetes-services-endpoint, optional: true } }]
          env:
            - { name: NODENAME, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }
            - { name: IP, value: autodetect }
            - { name: CALICO_IPV4POOL_IPIP, value: Always }
            - { name: CALICO_IPV4POOL_VXLAN, value: Never }
          livenessProbe: { exec: { command: [/bin/calico-node, -felix-live, -bird-live] } }
          readinessProbe: { exec: { command: [/bin/calico-node, -felix-ready, -bird-ready] } }
      volumes: [{ name: cni-bin-dir, hostPath: { path: /opt/cni/bin } }]
---
kind: Deployment
apiVersion: apps/v1
metadata: { name: calico-kube-controllers, namespace: kube-system }
spec: { template: { spec: { containers: [{ name: calico-kube-controllers, image: "quay.io/calico/kube-controllers:v3.32.1" }] } } }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: felixconfigurations.crd.projectcalico.org }
spec:
  group: crd.projectcalico.org
  names: { kind: FelixConfiguration }
  versions: [{ name: v1alpha1, storage: false }, { name: v1, storage: true }]
`;

const images = Object.fromEntries(
  ["cni", "node", "kube-controllers"].map((name) => [
    `quay.io/calico/${name}:v3.32.1`,
    `registry.example.org/${name}@sha256:1`,
  ]),
);
const settings = {
  images,
  podCidr: "10.9.0.0/16",
  vxlan: "CrossSubnet",
  nftables: "Enabled",
  wireguard: true,
  mtu: "1430",
};

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly livenessProbe?: { readonly exec: { readonly command: readonly string[] } };
  readonly readinessProbe?: { readonly exec: { readonly command: readonly string[] } };
}
interface Manifest {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: { readonly name: string };
  readonly data?: object;
  readonly spec?: {
    readonly wireguardEnabled?: boolean;
    readonly template: {
      readonly metadata: { readonly annotations?: object };
      readonly spec: {
        readonly containers: readonly Container[];
        readonly initContainers?: readonly Container[];
      };
    };
  };
}

/** What the step makes of a manifest. */
function made(text: string, of: object = settings) {
  const input = parseAllDocuments(text).map((document) => JSON.stringify(document.toJS()));
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["-c", `set -euo pipefail; . ${library}; network_objects`],
    { input: input.join("\n"), encoding: "utf8", env: { ...env, SETTINGS: JSON.stringify(of) } },
  );
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as { missing: string[]; objects: Manifest[] };
}
const { PATH } = process.env;
const env = { PATH };

describe("Calico's manifest, as the cluster has it", () => {
  const { missing, objects } = made(manifest);
  const [daemonSet] = objects.filter(({ kind }) => kind === "DaemonSet");
  const { containers = [], initContainers = [] } = daemonSet?.spec?.template.spec ?? {};
  const [node] = containers;

  it("lacks nothing, and is applied in an order in which nothing comes too late", () => {
    assert.deepEqual(missing, []);
    assert.deepEqual(
      objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
      [
        "CustomResourceDefinition felixconfigurations.crd.projectcalico.org",
        "ServiceAccount calico-node",
        "ConfigMap calico-config",
        "ConfigMap kubernetes-services-endpoint",
        "FelixConfiguration default",
        "DaemonSet calico-node",
        "Deployment calico-kube-controllers",
      ],
    );
  });

  it("runs the images of the file, and none for former networks", () => {
    assert.deepEqual(
      objects.flatMap(({ spec }) =>
        [
          ...(spec?.template?.spec.initContainers ?? []),
          ...(spec?.template?.spec.containers ?? []),
        ].map(({ name, image }) => `${name} ${image}`),
      ),
      [
        "install-cni registry.example.org/cni@sha256:1",
        "ebpf-bootstrap registry.example.org/node@sha256:1",
        "calico-node registry.example.org/node@sha256:1",
        "calico-kube-controllers registry.example.org/kube-controllers@sha256:1",
      ],
    );
    assert.equal(initContainers.length, 2);
  });

  it("makes VXLAN alone of the pods' network, and asks for no bird", () => {
    const variables = Object.fromEntries((node?.env ?? []).map(({ name, value }) => [name, value]));
    assert.deepEqual(variables, {
      NODENAME: undefined,
      IP: "autodetect",
      IP_AUTODETECTION_METHOD: "kubernetes-internal-ip",
      CALICO_IPV4POOL_CIDR: "10.9.0.0/16",
      CALICO_IPV4POOL_IPIP: "Never",
      CALICO_IPV4POOL_VXLAN: "CrossSubnet",
      FELIX_NFTABLESMODE: "Enabled",
      FELIX_USAGEREPORTINGENABLED: "false",
    });
    assert.deepEqual(node?.livenessProbe?.exec.command, ["/bin/calico-node", "-felix-live"]);
    assert.deepEqual(node?.readinessProbe?.exec.command, ["/bin/calico-node", "-felix-ready"]);
    const data = objects.find(({ metadata }) => metadata.name === "calico-config")?.data;
    assert.deepEqual(data, {
      typha_service_name: "none",
      calico_backend: "vxlan",
      veth_mtu: "1430",
    });
    assert.deepEqual(daemonSet?.spec?.template.metadata.annotations, { "groundwork/mtu": "1430" });
  });

  it("finds the API on its node, and encrypts where the file says so", () => {
    const of = (name: string, all = objects) =>
      all.find(({ metadata, kind }) => metadata.name === name && kind !== "DaemonSet");
    assert.deepEqual(of("kubernetes-services-endpoint")?.data, {
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: "6443",
    });
    assert.equal(of("default")?.apiVersion, "crd.projectcalico.org/v1");
    assert.equal(of("default")?.spec?.wireguardEnabled, true);
    const { objects: plain } = made(manifest, { ...settings, wireguard: false });
    assert.equal(of("default", plain)?.spec?.wireguardEnabled, false);
  });

  it("is taken as later versions write its probes, too", () => {
    const later = manifest
      .replace("[/bin/calico-node, -felix-live, -bird-live]", "[calico, --felix-live, --bird-live]")
      .replace("-bird-ready", "--bird-ready");
    const [set] = made(later).objects.filter(({ kind }) => kind === "DaemonSet");
    assert.deepEqual(set?.spec?.template.spec.containers[0]?.livenessProbe?.exec.command, [
      "calico",
      "--felix-live",
    ]);
  });

  for (const [what, before, after, ...words] of [
    [
      "no container calico-node",
      "name: calico-node\n          image",
      "name: other\n          image",
    ],
    ["no DaemonSet calico-node", "kind: DaemonSet", "kind: ReplicaSet"],
    [
      "no backend",
      "calico_backend",
      "backend",
      "the ConfigMap calico-config has no calico_backend",
    ],
    ["no MTU", "veth_mtu", "mtu", "the ConfigMap calico-config has no veth_mtu"],
    ["no ConfigMap", "name: calico-config", "name: config"],
    ["another container of CNI", "name: install-cni", "name: cni"],
    [
      "no name of the configuration",
      "CNI_CONF_NAME",
      "NAME",
      "the container install-cni has no CNI_CONF_NAME",
    ],
    [
      "no switch of IPIP",
      "CALICO_IPV4POOL_IPIP",
      "IPIP",
      "the container calico-node has no CALICO_IPV4POOL_IPIP",
    ],
    [
      "no switch of VXLAN",
      "CALICO_IPV4POOL_VXLAN",
      "X",
      "the container calico-node has no CALICO_IPV4POOL_VXLAN",
    ],
    ["no address", "name: IP,", "name: IP4,", "the container calico-node has no IP"],
    [
      "no probe of bird",
      ", -bird-live",
      "",
      "the livenessProbe of calico-node does not ask for bird",
    ],
    [
      "no readiness",
      "readinessProbe",
      "startupProbe",
      "the readinessProbe of calico-node does not ask for bird",
    ],
    ["no place of programs", "cni-bin-dir", "bin", "there is no volume cni-bin-dir of a node"],
    [
      "no kind for Felix",
      "kind: FelixConfiguration",
      "kind: Felix",
      "there is no kind FelixConfiguration",
    ],
    [
      "another image",
      "calico/kube-controllers",
      "calico/calico",
      "it runs the image quay.io/calico/calico:v3.32.1, which is not known",
      "nothing runs the image quay.io/calico/kube-controllers:v3.32.1",
    ],
    [
      "no way to the API",
      "kubernetes-services-endpoint, optional: true } }]\n          env:\n",
      "other } }]\n          env:\n",
      "the container calico-node does not read the ConfigMap kubernetes-services-endpoint",
    ],
  ] as const)
    it(`is refused with ${what}`, () => {
      assert.ok(manifest.includes(before), before);
      const { missing } = made(manifest.replace(before, after));
      if (words.length > 0) assert.deepEqual(missing, words);
      else assert.ok(missing.length > 0);
    });
});
