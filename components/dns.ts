import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan } from "../config/plan";
import { corefile } from "../manifests/coredns";
import type { Addons } from "./addons";
import type { EtcdCluster } from "./etcdCluster";

export interface DnsArgs {
  readonly cluster: ClusterPlan;
  readonly addons: Addons;
  readonly etcd: EtcdCluster;
  /** The nodes that must be Ready first, so that the replicas do not all land on the first one. */
  readonly after: readonly pulumi.Resource[];
}

/** CoreDNS as kubeadm installs it: two replicas on different nodes, masters included. */
export class Dns extends pulumi.ComponentResource {
  constructor(name: string, args: DnsArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Dns", name, {}, opts);
    // When the cluster goes, what lives in it goes with it.
    const child = {
      parent: this,
      provider: args.addons.provider,
      dependsOn: [...args.addons.rights, ...args.after],
      deletedWith: args.etcd.genesis,
    };
    const object = `${name}-coredns`;
    const namespace = "kube-system";
    const metadata = { name: "coredns", namespace };
    const labels = { "k8s-app": "kube-dns" };
    const account = new kubernetes.core.v1.ServiceAccount(object, { metadata }, child);
    new kubernetes.rbac.v1.ClusterRole(
      object,
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
      object,
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
      object,
      { metadata, data: { Corefile: corefile(args.cluster.networking.clusterDomain) } },
      child,
    );
    new kubernetes.core.v1.Service(
      object,
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
          clusterIP: args.cluster.networking.dnsServiceIp,
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
      object,
      {
        metadata: { ...metadata, labels, annotations: { "pulumi.com/timeoutSeconds": "180" } },
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
                  image: args.cluster.images.coredns,
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
    this.registerOutputs();
  }
}
