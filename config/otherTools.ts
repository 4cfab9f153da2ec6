/**
 * Settings of other tools beside ours: what an unknown key of a cluster file may have meant, and the tables of
 * docs/coming-from.md. A row: ours, then the names in Kubespray, k0sctl (with k0s' own file), RKE2 or Talos, and cephadm,
 * where a dot leads into a mapping, * stands for the rest of a word, and [ ] holds what is no name of a key.
 */
export const ourFields = rowsOf(`
groups | [group_vars] | | |
cluster.kubernetes.version | kube_version | k0s.version | kubernetesVersion |
cluster.kubernetes.api_server.cert_sans | supplementary_addresses_in_ssl_keys | api.sans | tls-san certSANs |
cluster.kubernetes.api_server.authentication.jwt | kube_oidc_* | | [oidc flags of kube-apiserver-arg] |
cluster.kubernetes.api_server.admission.plugins | kube_apiserver_enable_admission_plugins | | |
cluster.kubernetes.api_server.admission.pod_security | kube_pod_security_* | | admissionControl pod-security-admission-config-file |
cluster.kubernetes.api_server.audit_policy_file | audit_policy_* | | audit-policy-file auditPolicy |
cluster.kubernetes.api_server.extra_args | kube_kubeadm_apiserver_extra_args | api.extraArgs | kube-apiserver-arg |
cluster.kubernetes.controller_manager.extra_args | kube_kubeadm_controller_extra_args | controllerManager | kube-controller-manager-arg |
cluster.kubernetes.scheduler.extra_args | kube_kubeadm_scheduler_extra_args | [scheduler] | kube-scheduler-arg |
cluster.kubernetes.etcd.extra_args | etcd_extra_vars | [storage.etcd.extraArgs] | etcd-arg |
cluster.kubernetes.kube_proxy.mode | kube_proxy_mode | [network.kubeProxy.mode] | |
cluster.kubernetes.kube_proxy.nodeport_addresses | kube_proxy_nodeport_addresses | [network.kubeProxy.nodePortAddresses] | |
cluster.kubernetes.kube_proxy.extra_args | | | kube-proxy-arg |
cluster.kubernetes.kubelet.config | kubelet_config_extra_args kubelet_max_pods kubelet_pod_pids_limit eviction_hard | workerProfiles | kubelet-arg extraConfig |
cluster.networking.pod_cidr | kube_pods_subnet | network.podCIDR | cluster-cidr podSubnets |
cluster.networking.service_cidr | kube_service_addresses | network.serviceCIDR | service-cidr serviceSubnets |
cluster.networking.cluster_domain | dns_domain [and cluster_name] | network.clusterDomain | cluster-domain dnsDomain |
cluster.networking.node_cidr_mask_size | kube_network_node_prefix | | node-cidr-mask-size |
cluster.networking.plugin | kube_network_plugin | network.provider | cni |
cluster.endpoint | loadbalancer_apiserver apiserver_loadbalancer_domain_name | api.externalAddress | [endpoint] |
cluster.endpoint.vip | kube_vip_address | network.controlPlaneLoadBalancing.keepalived.vrrpInstances.virtualIPs | vip |
cluster.registries | containerd_registries_mirrors containerd_registry_auth insecure_registries | | registries.mirrors registries.config registries.configs |
cluster.proxy | http_proxy https_proxy no_proxy additional_no_proxy | | [environment HTTP_PROXY] |
cluster.networking.dns_servers | upstream_dns_servers | | nameservers |
cluster.networking.stub_domains | coredns_external_zones | | |
cluster.images | pod_infra_image_repo coredns_image_repo | images | pause-image |
cluster.artifacts.base_url | files_repo | k0sDownloadURL | |
cluster.preflight.allow | ignore_assert_errors | | |
cluster.preflight.fix | disable_swap | | |
cluster.ntp_servers | ntp_servers ntp_enabled | | timeservers |
cluster.ssh.bastion | bastion | ssh.bastion | |
cluster.ssh.sudo_password_file | ansible_become_password ansible_become_pass | | |
nodes[].ssh.host | ansible_host | ssh.address | |
nodes[].ssh.user | ansible_user | ssh.user | |
nodes[].ssh.port | ansible_port | ssh.port | |
nodes[].ssh.private_key_file | ansible_ssh_private_key_file | ssh.keyPath | |
nodes[].roles | [groups kube_control_plane and kube_node] | role | controlPlane | [labels and placement]
nodes[].ip | access_ip | privateAddress privateInterface | node-ip ipAddress | addr
nodes[].hostname | kube_override_hostname | [hostname] | node-name | [hostname]
nodes[].interfaces | | | networkInterfaces |
nodes[].kubelet.config | kubelet_node_config_extra_args kube_memory_reserved kube_cpu_reserved system_memory_reserved system_cpu_reserved | | |
nodes[].labels | node_labels | [--labels] | node-label nodeLabels |
nodes[].taints | node_taints | [--taints] | node-taint nodeTaints |
nodes[].storage.devices | | | | data_devices.paths osd_devices
cluster.ceph.pool_size | | | | osd_pool_default_size
cluster.ceph.pool_min_size | | | | osd_pool_default_min_size
`);

/** What Groundwork does not do, and what to do instead: the end of a sentence, and the same tools' names. */
export const notOurs = rowsOf(`
that is the role master | kube_control_plane | controller single | |
that is the role worker | kube_node | | |
that is master and worker, each a role | | controller+worker | |
Groundwork sets up flannel or Calico, or none where you install another; remove it, or set plugin | calico_* cilium_* flannel_* | network.calico network.kuberouter | cniConfig |
networks are IPv4 alone; remove it | enable_dual_stack_networks ipv6_stack kube_pods_subnet_ipv6 kube_service_addresses_ipv6 | network.dualStack | |
kube-proxy is set up by Groundwork, as cluster.kubernetes.kube_proxy says; remove it | kube_proxy_* | network.kubeProxy | disable-kube-proxy |
containerd is the one runtime; remove it | container_manager docker_* crio_* | | docker |
etcd runs on every master; remove it | etcd etcd_* | | datastore-endpoint |
state is kept by etcd, on every master, and Ceph's disks stand at their node; remove it | | storage | |
charts and manifests come with Helm, kubectl or Pulumi when the cluster is up; remove it | addons helm_enabled ingress_nginx_* metrics_server_* cert_manager_* metallb_* dashboard_enabled | extensions | disable inlineManifests |
cloud providers are not integrated; remove it | cloud_provider external_cloud_provider | | cloud-provider-name |
Groundwork always does so; remove it | kube_encrypt_secret_data kubernetes_audit kubelet_rotate_server_certificates auto_renew_certificates loadbalancer_apiserver_localhost | nodeLocalLoadBalancing | secrets-encryption |
disks and kernel settings are the machine's own; set them there and remove it | | | installDisk sysctls |
flags are fields here, such as labels, taints and the kubelet's config; remove it | | installFlags | |
the machine is dialled like all others; give its address and its host key, and remove it | ansible_connection | localhost | |
a jump host is cluster.ssh.bastion, and keys of hosts are always checked; remove it | ansible_ssh_common_args | | |
root is reached through sudo wherever the user is another; remove it | ansible_become ansible_become_method | | |
there is nothing of that name here; remove it | | telemetry konnectivity installConfig podSecurityPolicy | |
give devices by path, best below /dev/disk/by-id; remove it | | | | rotational size limit model vendor host_pattern
an OSD has its data and its database on one device; remove it | | | | db_devices wal_devices db_slots block_db_size
Ceph finds out the class; 'ceph osd crush set-device-class' sets another; remove it | | | | crush_device_class
devices are not encrypted; name a volume that is, or remove it | | | | encrypted
a device is one OSD; remove it | | | | osds_per_device
copies lie on different nodes, wherever these stand; tell Ceph of racks with 'ceph osd crush move', and remove it | | | | location
Ceph's monitors, managers and OSDs are all there is; run that daemon elsewhere and remove it | | | | mds rgw nfs iscsi grafana prometheus alertmanager node-exporter
mgr goes with ceph-mon; remove it | | | | mgr
`);

/** What is at the top of another tool's whole file. */
const wholeFiles = [
  "apiVersion",
  "kind",
  "metadata",
  "spec",
  "all",
  "service_type",
  "machine",
  "clusterName",
];

/**
 * What to do about a word that is another tool's: the end of a sentence; nothing where it is none that is known.
 * @param known the keys there are where it stands
 */
export function remedyFor(word: string, known: readonly string[]): string | undefined {
  const means = ({ names }: Row) =>
    names
      .flat()
      .some((name) =>
        name.endsWith("*") ? word.startsWith(name.slice(0, -1)) : plain(name) === plain(word),
      );
  const ours = ourFields.find(means);
  const key = ours?.first.split(".").at(-1) ?? "";
  if (known.includes(key)) return `did you mean ${key}?`;
  if (ours) return `here it is ${ours.first}`;
  const other = notOurs.find(means);
  if (other) return other.first;
  return wholeFiles.includes(word)
    ? "this is another tool's file, whose settings docs/coming-from.md shows beside ours"
    : undefined;
}

interface Row {
  readonly first: string;
  /** Keys by tool; of a path its last part. */
  readonly names: readonly (readonly string[])[];
  /** Cells as they are shown. */
  readonly cells: readonly string[];
}

function rowsOf(table: string): Row[] {
  return table
    .trim()
    .split("\n")
    .map((line) => {
      const [first = "", ...cells] = line.split("|").map((cell) => cell.trim());
      const names = cells.map((cell) =>
        cell
          .replace(/\[.*?\]/g, "")
          .split(" ")
          .map((path) => path.split(".").at(-1) ?? "")
          .filter((name) => name !== ""),
      );
      return { first, names, cells };
    });
}

/** `service-cidr`, `serviceCIDR` and `service_cidr` are one word. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, "");
}
