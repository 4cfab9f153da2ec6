import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan } from "../config/plan";
import { pluginOf } from "../networks";
import { coreDns } from "../manifests/coredns";
import type { Addons } from "./addons";
import type { EtcdCluster } from "./etcdCluster";
import type { Steps } from "./steps";

export interface DnsArgs {
  readonly cluster: ClusterPlan;
  readonly addons: Addons;
  readonly etcd: EtcdCluster;
  readonly steps: Steps;
}

/** CoreDNS as kubeadm installs it: two replicas on different nodes, masters included. */
export class Dns extends pulumi.ComponentResource {
  constructor(name: string, args: DnsArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Dns", name, {}, opts);
    // When the cluster goes, what lives in it goes with it.
    const child = {
      parent: this,
      provider: args.addons.provider,
      dependsOn: args.steps.before("dns"),
      deletedWith: args.etcd.genesis,
    };
    const { clusterDomain, dnsServers, dnsServiceIp, stubDomains } = args.cluster.networking;
    const objects = coreDns({
      clusterDomain,
      dnsServers,
      stubDomains,
      serviceIp: dnsServiceIp,
      image: args.cluster.images.coredns,
      authorities: args.cluster.kubernetes.rotations.authorities,
      isEarly:
        args.cluster.kubernetes.kubeProxy.mode === "off" || pluginOf(args.cluster).later === true,
    });
    const object = `${name}-coredns`;
    const { core, rbac, apps } = kubernetes;
    const account = new core.v1.ServiceAccount(object, objects.ServiceAccount, child);
    const role = new rbac.v1.ClusterRole(object, objects.ClusterRole, child);
    const binding = new rbac.v1.ClusterRoleBinding(object, objects.ClusterRoleBinding, child);
    const config = new core.v1.ConfigMap(object, objects.ConfigMap, child);
    const service = new core.v1.Service(object, objects.Service, child);
    const dependsOn = child.dependsOn.apply((earlier) => [...earlier, account, config]);
    const pods = new apps.v1.Deployment(object, objects.Deployment, { ...child, dependsOn });
    args.steps.add("dns", role, binding, service, pods);
    this.registerOutputs();
  }
}
