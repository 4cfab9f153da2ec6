import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan } from "../config/plan";
import { corefile } from "../render/coredns";
import { clusterRoleBindings, flannelRules } from "../render/rbac";
import type { EtcdCluster } from "./etcdCluster";
import type { Master } from "./master";

export interface AddonsArgs {
  readonly cluster: ClusterPlan;
  /** Kubeconfig of `system:masters`, made in the program: never read back from a node, so that it is never unknown again. */
  readonly kubeconfig: pulumi.Input<string>;
  readonly etcd: EtcdCluster;
  /** The master whose API server answers first. */
  readonly after: readonly Master[];
}

/** What runs in Kubernetes rather than under it: the rights by which nodes join, and DNS. */
export class Addons extends pulumi.ComponentResource {
  /** The rights are there: nodes may join. */
  readonly rights: readonly pulumi.Resource[];

  constructor(name: string, args: AddonsArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Addons", name, {}, opts);
    const { cluster, etcd } = args;
    const provider = new kubernetes.Provider(
      `${name}-provider`,
      { kubeconfig: args.kubeconfig, clusterIdentifier: cluster.name, enableServerSideApply: true },
      { parent: this },
    );
    // When the cluster goes, what lives in it goes with it.
    const child = {
      parent: this,
      provider,
      dependsOn: args.after.map(({ ready }) => ready),
      deletedWith: etcd.genesis,
    };

    const flannelRole = new kubernetes.rbac.v1.ClusterRole(
      `${name}-flannel`,
      { metadata: { name: "flannel" }, rules: flannelRules },
      child,
    );
    this.rights = [
      flannelRole,
      ...clusterRoleBindings.map(
        ({ name: binding, subject, role }) =>
          new kubernetes.rbac.v1.ClusterRoleBinding(
            `${name}-${binding.replaceAll(":", "-")}`,
            {
              metadata: { name: binding },
              subjects: [{ apiGroup: "rbac.authorization.k8s.io", ...subject }],
              roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
            },
            child,
          ),
      ),
    ];
    createDns(`${name}-coredns`, cluster, child);
    this.registerOutputs();
  }
}

/** CoreDNS as kubeadm installs it: two replicas on different nodes, masters included. */
function createDns(name: string, cluster: ClusterPlan, child: pulumi.CustomResourceOptions): void {
  const namespace = "kube-system";
  const metadata = { name: "coredns", namespace };
  const labels = { "k8s-app": "kube-dns" };
  const account = new kubernetes.core.v1.ServiceAccount(name, { metadata }, child);
  new kubernetes.rbac.v1.ClusterRole(
    name,
    {
      metadata: { name: "system:coredns" },
      rules: [
        {
          apiGroups: [""],
          resources: ["endpoints", "services", "pods", "namespaces"],
          verbs: ["list", "watch"],
        },
        {
          apiGroups: ["discovery.k8s.io"],
          resources: ["endpointslices"],
          verbs: ["list", "watch"],
        },
      ],
    },
    child,
  );
  new kubernetes.rbac.v1.ClusterRoleBinding(
    name,
    {
      metadata: { name: "system:coredns" },
      subjects: [{ kind: "ServiceAccount", name: "coredns", namespace }],
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        name: "system:coredns",
      },
    },
    child,
  );
  const config = new kubernetes.core.v1.ConfigMap(
    name,
    { metadata, data: { Corefile: corefile(cluster.networking.clusterDomain) } },
    child,
  );
  new kubernetes.core.v1.Service(
    name,
    {
      metadata: {
        name: "kube-dns",
        namespace,
        labels: { ...labels, "kubernetes.io/name": "CoreDNS" },
        // Its endpoints come with the nodes, and the Deployment below is waited for.
        annotations: { "pulumi.com/skipAwait": "true" },
      },
      spec: {
        selector: labels,
        clusterIP: cluster.networking.dnsServiceIp,
        ports: [
          { name: "dns", port: 53, protocol: "UDP" },
          { name: "dns-tcp", port: 53, protocol: "TCP" },
          { name: "metrics", port: 9153, protocol: "TCP" },
        ],
      },
    },
    child,
  );
  new kubernetes.apps.v1.Deployment(
    name,
    {
      metadata: { ...metadata, labels },
      spec: {
        replicas: 2,
        strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            priorityClassName: "system-cluster-critical",
            serviceAccountName: account.metadata.name,
            nodeSelector: { "kubernetes.io/os": "linux" },
            tolerations: [
              { key: "CriticalAddonsOnly", operator: "Exists" },
              { key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" },
            ],
            affinity: {
              podAntiAffinity: {
                preferredDuringSchedulingIgnoredDuringExecution: [
                  {
                    weight: 100,
                    podAffinityTerm: {
                      labelSelector: { matchLabels: labels },
                      topologyKey: "kubernetes.io/hostname",
                    },
                  },
                ],
              },
            },
            containers: [
              {
                name: "coredns",
                image: cluster.images.coredns,
                imagePullPolicy: "IfNotPresent",
                args: ["-conf", "/etc/coredns/Corefile"],
                resources: {
                  limits: { memory: "170Mi" },
                  requests: { cpu: "100m", memory: "70Mi" },
                },
                ports: [
                  { containerPort: 53, name: "dns", protocol: "UDP" },
                  { containerPort: 53, name: "dns-tcp", protocol: "TCP" },
                  { containerPort: 9153, name: "metrics", protocol: "TCP" },
                ],
                volumeMounts: [
                  { name: "config-volume", mountPath: "/etc/coredns", readOnly: true },
                ],
                securityContext: {
                  allowPrivilegeEscalation: false,
                  capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
                  readOnlyRootFilesystem: true,
                },
                livenessProbe: {
                  httpGet: { path: "/health", port: 8080 },
                  initialDelaySeconds: 60,
                  timeoutSeconds: 5,
                  failureThreshold: 5,
                },
                readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 2 },
              },
            ],
            dnsPolicy: "Default",
            volumes: [
              {
                name: "config-volume",
                configMap: {
                  name: config.metadata.name,
                  items: [{ key: "Corefile", path: "Corefile" }],
                },
              },
            ],
          },
        },
      },
    },
    child,
  );
}
