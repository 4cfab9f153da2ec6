import { z } from "zod";
import * as field from "../../config/fields";
import type { ClusterPlan } from "../../config/plan";
import { ports } from "../../config/ports";
import { byDigest } from "../../config/released";
import type { Manifest } from "../plugin";

/** The program by which Kubernetes' own project enforces NetworkPolicy beside a network that does not; it is published as an image. */
export const policiesImage = "registry.k8s.io/networking/kube-network-policies:v1.1.1";

/** Its nft table, of the family `inet`. */
export const policiesTable = "kube-network-policies";

/** By which packets wait for what it says: the number in upstream's own manifest. */
const queue = 98;

/** What of the kernel leads packets to it, and to no other program. */
export const policiesModules = ["nft_queue", "nfnetlink_queue"];

export const networkPolicy = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe(
        "Whether NetworkPolicy is enforced, by upstream's kube-network-policies as a pod on every node; the kernel needs nft_queue.",
      ),
    image: field.imageName
      .optional()
      .describe(
        `Image of kube-network-policies, where it is not upstream's own, ${policiesImage}: in full, with tag or digest. Mirrors of registry.k8s.io stand in registries.`,
      ),
    default_deny: z
      .array(
        field.name
          .refine(
            (namespace) => namespace !== "kube-system",
            "has the cluster's DNS, which everybody asks; leave it out",
          )
          .describe("Name of a namespace."),
      )
      .default([])
      .describe(
        "Namespaces in which a NetworkPolicy default-deny lets pods neither send nor receive what no other policy allows, DNS included. Those that are missing are made; none is deleted.",
      ),
  })
  .refine(({ enabled, default_deny }) => enabled || default_deny.length === 0, {
    path: ["default_deny"],
    error: "has namespaces, and nothing would enforce it; set enabled: true, or take them away",
  })
  .prefault({})
  .describe("NetworkPolicy.");

type NetworkPolicy = z.output<typeof networkPolicy>;

/** What the plan of a cluster with flannel has of it. */
export const policiesOf = ({ networking }: Pick<ClusterPlan, "networking">): NetworkPolicy =>
  (networking.settings as { readonly network_policy: NetworkPolicy }).network_policy;

/** What nodes run of it. */
export const policiesImageOf = ({ image }: Pick<NetworkPolicy, "image">): string =>
  image ?? byDigest(policiesImage);

const name = "kube-network-policies";
const metadata = { name, namespace: "kube-system" };
const rbac = "rbac.authorization.k8s.io";

/**
 * It, its rights, and the policies that the file asks for. It lets packets pass while it does not run (`fail-open`, upstream's
 * default): the rules that it leaves say so. It may change the network and nothing else of the machine: without NRI, which
 * Debian's containerd has not, it needs none of the machine's folders.
 */
export function policyObjects(settings: NetworkPolicy): Manifest[] {
  const { enabled, default_deny } = settings;
  return [
    ...(enabled ? [...rights(), daemonSet(policiesImageOf(settings))] : []),
    ...[...new Set(default_deny)].sort().flatMap(defaultDeny),
  ];
}

const defaultDeny = (namespace: string): Manifest[] => [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "default-deny", namespace },
    spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
  },
];

function rights(): Manifest[] {
  const verbs = ["list", "watch"];
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRole",
      metadata: { name },
      rules: [
        { apiGroups: [""], resources: ["pods", "namespaces"], verbs },
        { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", ...metadata }],
    },
  ];
}

function daemonSet(image: string): Manifest {
  const labels = { app: name, "k8s-app": name };
  const container = {
    name,
    image,
    args: [
      "/bin/netpol",
      "--hostname-override=$(NODE_NAME)",
      `--nfqueue-id=${queue}`,
      "--fail-open=true",
      "--disable-nri=true",
      "--metrics-bind-address=127.0.0.1:9080",
    ],
    env: [
      { name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
      // The API is on every node, also before there are Services.
      { name: "KUBERNETES_SERVICE_HOST", value: "127.0.0.1" },
      { name: "KUBERNETES_SERVICE_PORT", value: String(ports.apiServer) },
    ],
    resources: { requests: { cpu: "100m", memory: "50Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
      readOnlyRootFilesystem: true,
      seccompProfile: { type: "RuntimeDefault" },
    },
  };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { ...metadata, labels },
    spec: {
      selector: { matchLabels: { app: name } },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "10%" } },
      template: {
        metadata: { labels },
        spec: {
          hostNetwork: true,
          nodeSelector: { "kubernetes.io/os": "linux" },
          priorityClassName: "system-node-critical",
          serviceAccountName: name,
          tolerations: [{ operator: "Exists" }],
          containers: [container],
        },
      },
    },
  };
}
