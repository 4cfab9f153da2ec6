# shellcheck shell=bash
# What the step `network-plugin` makes of Calico's manifest. Needs SETTINGS.

# network_objects: reads the manifest's objects as JSON; prints `objects` as the cluster is to have them, in the order in which they
# are applied, and in `missing`, in words, what of the manifest is not as it is known here.
network_objects() {
  jq -cs --argjson settings "$SETTINGS" '
    # replace(WHAT IS WRONG WHERE THERE IS NONE; WHERE; BY WHAT)
    def replace($lack; at; with): if [path(at)] == [] then .missing += [$lack] else at |= with end;
    def object($kind; $name): .objects[] | select(.kind == $kind and .metadata.name == $name);
    def config($key): object("ConfigMap"; "calico-config") | .data[$key] | strings;
    def pods: object("DaemonSet"; "calico-node") | .spec.template;
    def container($name): pods | .spec | (.initContainers, .containers) | arrays | .[] | select(.name == $name);
    def all_containers: .objects[] | select(.kind == "DaemonSet" or .kind == "Deployment") | .spec.template.spec | (.initContainers, .containers) | arrays | .[];
    # known: what upstream sets; given: what it leaves to whoever installs it.
    def known($name; $variable; $value):
      replace("container \($name) has no \($variable)"; container($name) | .env | arrays | .[] | select(.name == $variable); {name: $variable, value: $value});
    def given($variable; $value):
      replace("container calico-node has no variables"; container("calico-node") | .env | arrays; map(select(.name != $variable)) + [{name: $variable, value: $value}]);
    def without_bird($probe): replace("the \($probe) of calico-node does not ask for bird";
      container("calico-node") | .[$probe].exec.command | arrays | select(any(.[]; test("^--?bird-(live|ready)$"))); map(select(test("^--?bird-(live|ready)$") | not)));
    def reads_endpoint($name): if any(container($name) | .envFrom | arrays | .[]; .configMapRef.name == "kubernetes-services-endpoint") then .
      else .missing += ["container \($name) does not read the ConfigMap kubernetes-services-endpoint"] end;

    {missing: [], objects: .}
    | .missing += [([all_containers | .image] - ($settings.images | keys) | unique)[] | "it runs the image \(.), which is not known"]
    | reduce ($settings.images | to_entries[]) as $image (.;
        replace("nothing runs the image \($image.key)"; all_containers | .image | select(. == $image.key); $image.value))
    # There is no former network whose addresses it would take over.
    | replace("the DaemonSet calico-node has no initContainers"; pods | .spec.initContainers | arrays; map(select(.name != "upgrade-ipam")))
    | known("install-cni"; "CNI_CONF_NAME"; "10-calico.conflist")
    | replace("the DaemonSet calico-node has no volume cni-bin-dir"; pods | .spec.volumes | arrays | .[] | select(.name == "cni-bin-dir") | .hostPath.path | strings; "/opt/cni/bin")
    # VXLAN alone: no BGP, and so no bird.
    | replace("the ConfigMap calico-config has no calico_backend"; config("calico_backend"); "vxlan")
    | without_bird("livenessProbe")
    | without_bird("readinessProbe")
    | known("calico-node"; "CALICO_IPV4POOL_IPIP"; "Never")
    | known("calico-node"; "CALICO_IPV4POOL_VXLAN"; $settings.vxlan)
    | given("CALICO_IPV4POOL_CIDR"; $settings.podCidr)
    # The address that the kubelet has, by which nodes know each other.
    | known("calico-node"; "IP"; "autodetect")
    | given("IP_AUTODETECTION_METHOD"; "kubernetes-internal-ip")
    | given("FELIX_NFTABLESMODE"; $settings.nftables)
    | given("FELIX_USAGEREPORTINGENABLED"; "false")
    # Pods read it when they start.
    | replace("the ConfigMap calico-config has no veth_mtu"; config("veth_mtu"); $settings.mtu)
    | replace("there is no DaemonSet calico-node"; pods | .metadata; .annotations["groundwork/mtu"] = $settings.mtu)
    # Every node has the API there, also before there are Services.
    | reads_endpoint("install-cni")
    | reads_endpoint("calico-node")
    | .objects += [{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "kubernetes-services-endpoint", namespace: "kube-system"},
        data: {KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "6443"}}]
    | [.objects[] | select(.kind == "CustomResourceDefinition" and .spec.names.kind == "FelixConfiguration")
        | {apiVersion: "\(.spec.group)/\(.spec.versions[] | select(.storage).name)", kind: "FelixConfiguration", metadata: {name: "default"}, spec: {wireguardEnabled: $settings.wireguard}}] as $felix
    | if $felix == [] then .missing += ["it has no kind FelixConfiguration"] else .objects += $felix end
    | .objects |= sort_by({CustomResourceDefinition: 0, DaemonSet: 2, Deployment: 2}[.kind] // 1)'
}
