# shellcheck shell=bash
# What the step `network-plugin` makes of Calico's manifest. Needs SETTINGS.

# network_objects: reads the manifest's objects as JSON; prints `objects` as the cluster is to have them, in the order in which they
# are applied, and in `missing`, in words, what of the manifest is not as it is known here.
#
# What upstream sets is `known`, and has to be there; what it leaves to whoever installs it is `given`. Images have to be those that
# the file names, all of them. Nodes have no former network whose addresses `upgrade-ipam` would take over. VXLAN alone needs no BGP,
# and so no bird. A node's address is the kubelet's. Pods read their environment when they start: what changes in it stands on them.
# The API is on every node, also before there are Services.
network_objects() {
  jq -cs --argjson settings "$SETTINGS" '
    def replace($otherwise; at; with): if [path(at)] == [] then .missing += [$otherwise] else at |= with end;
    def object($kind; $name): .objects[] | select(.kind == $kind and .metadata.name == $name);
    def config($key): object("ConfigMap"; "calico-config") | .data[$key] | strings;
    def pods: object("DaemonSet"; "calico-node") | .spec.template;
    def container($name): pods | .spec | (.initContainers, .containers) | arrays | .[] | select(.name == $name);
    def all_containers: .objects[] | select(.kind == "DaemonSet" or .kind == "Deployment") | .spec.template.spec | (.initContainers, .containers) | arrays | .[];
    def known($name; $variable; $value):
      replace("the container \($name) has no \($variable)"; container($name) | .env | arrays | .[] | select(.name == $variable); {name: $variable, value: $value});
    def given($variable; $value):
      replace("the container calico-node has no variables"; container("calico-node") | .env | arrays; map(select(.name != $variable)) + [{name: $variable, value: $value}]);
    def asks_bird: test("^--?bird-(live|ready)$");
    def without_bird($probe): replace("the \($probe) of calico-node does not ask for bird";
      container("calico-node") | .[$probe].exec.command | arrays | select(any(.[]; asks_bird)); map(select(asks_bird | not)));
    def reads($name; $map): if any(container($name) | .envFrom | arrays | .[]; .configMapRef.name == $map) then .
      else .missing += ["the container \($name) does not read the ConfigMap \($map)"] end;
    {missing: [], objects: .}
    | .missing += [([all_containers | .image] - ($settings.images | keys) | unique)[] | "it runs the image \(.), which is not known"]
    | reduce ($settings.images | to_entries[]) as $image (.;
        replace("nothing runs the image \($image.key)"; all_containers | .image | select(. == $image.key); $image.value))
    | replace("there is no DaemonSet calico-node with initContainers"; pods | .spec.initContainers | arrays; map(select(.name != "upgrade-ipam")))
    | known("install-cni"; "CNI_CONF_NAME"; "10-calico.conflist")
    | replace("there is no volume cni-bin-dir of a node"; pods | .spec.volumes | arrays | .[] | select(.name == "cni-bin-dir") | .hostPath.path | strings; "/opt/cni/bin")
    | replace("the ConfigMap calico-config has no calico_backend"; config("calico_backend"); "vxlan")
    | without_bird("livenessProbe")
    | without_bird("readinessProbe")
    | known("calico-node"; "CALICO_IPV4POOL_IPIP"; "Never")
    | known("calico-node"; "CALICO_IPV4POOL_VXLAN"; $settings.vxlan)
    | given("CALICO_IPV4POOL_CIDR"; $settings.podCidr)
    | known("calico-node"; "IP"; "autodetect")
    | given("IP_AUTODETECTION_METHOD"; "kubernetes-internal-ip")
    | given("FELIX_NFTABLESMODE"; $settings.nftables)
    | given("FELIX_USAGEREPORTINGENABLED"; "false")
    | replace("the ConfigMap calico-config has no veth_mtu"; config("veth_mtu"); $settings.mtu)
    | (pods | .metadata.annotations["groundwork/mtu"]) |= $settings.mtu
    | reads("install-cni"; "kubernetes-services-endpoint")
    | reads("calico-node"; "kubernetes-services-endpoint")
    | .objects += [{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "kubernetes-services-endpoint", namespace: "kube-system"},
        data: {KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "6443"}}]
    | [.objects[] | select(.kind == "CustomResourceDefinition" and .spec.names.kind == "FelixConfiguration")
        | {apiVersion: "\(.spec.group)/\(.spec.versions[] | select(.storage).name)", kind: "FelixConfiguration", metadata: {name: "default"}, spec: {wireguardEnabled: $settings.wireguard}}] as $felix
    | if $felix == [] then .missing += ["there is no kind FelixConfiguration"] else .objects += $felix end
    | .objects |= sort_by({CustomResourceDefinition: 0, DaemonSet: 2, Deployment: 2}[.kind] // 1)'
}
