# shellcheck shell=bash
# What another life left on the machine: of other installers, other container runtimes, other networks of pods. Looks, and
# changes nothing. Needs preflight.sh, links-lib.sh and routes-lib.sh.

# installers: what is known of others: their name, how theirs is taken off, and files they leave.
installers() {
  printf '%s\n' \
    "k3s|run k3s-uninstall.sh or k3s-agent-uninstall.sh|/usr/local/bin/k3s /etc/systemd/system/k3s*.service /etc/rancher/k3s /var/lib/rancher/k3s" \
    "RKE2|run rke2-uninstall.sh|/usr/local/bin/rke2 /usr/local/lib/systemd/system/rke2-*.service /opt/rke2 /etc/rancher/rke2 /var/lib/rancher/rke2" \
    "k0s|run 'k0s stop; k0s reset', then reboot it|/usr/local/bin/k0s /etc/systemd/system/k0s*.service /etc/k0s /var/lib/k0s" \
    "MicroK8s|run 'snap remove --purge microk8s'|/var/snap/microk8s" \
    "Canonical Kubernetes|run 'snap remove --purge k8s', then reboot it|/var/snap/k8s" \
    "RKE1|run 'rke remove' if its whole cluster goes, else Rancher's script that cleans nodes; then reboot it|/etc/kubernetes/ssl/kube-ca.pem /etc/kubernetes/ssl/kubecfg-* /opt/rke /var/lib/rancher/rke" \
    "minikube|run 'minikube delete'|/var/lib/minikube" \
    "Kubespray|run its reset.yml for this machine|/etc/kubernetes/ssl/ca* /etc/kubernetes/ssl/apiserver* /etc/etcd.env /etc/ssl/etcd" \
    "kubeadm|run 'kubeadm reset', remove the packages kubelet and kubeadm, then reboot it|/etc/kubernetes/manifests/* /etc/kubernetes/*.conf /lib/systemd/system/kubelet.service.d/10-kubeadm.conf /etc/systemd/system/kubelet.service.d/10-kubeadm.conf /etc/systemd/system/kubelet.service /var/lib/kubelet/config.yaml /var/lib/kubelet/pki/*" \
    "etcd|stop it; remove its data if nobody needs it|/var/lib/etcd/member"
}

# there PATTERN...: the first three files that are.
there() {
  local pattern found=()
  for pattern in "$@"; do
    mapfile -t -O ${#found[@]} found < <(compgen -G "$pattern" || true)
  done
  echo "${found[*]:0:3}"
}

# What belongs together is told once: who finds k3s needs no word of its kubeconfig.
foreign_cluster() {
  local name remedy patterns found
  while IFS='|' read -r name remedy patterns; do
    # shellcheck disable=SC2086 # a list of patterns
    found=$(set -f && there $patterns)
    [ -z "$found" ] || finding foreign-cluster "an installation of Kubernetes ($name) left $found" "$remedy, so that nothing of it is left"
  done < <(installers)
}

# Ours would be another with the same files.
foreign_ceph() {
  local found
  found=$(there '/etc/ceph/ceph.conf' '/var/lib/ceph/*-*-*-*-*')
  [ -z "$found" ] || conflict foreign-ceph "another Ceph cluster left $found" "take the machine out of it (cephadm rm-cluster, or remove what is left)"
}

# first LINES: the first three of them, in words.
first() { sed -n '1,3p' <<<"$1" | paste -sd, | sed 's/,/, /g'; }

# Links that a network of pods makes: those that ours or kube-proxy makes, or whose addresses it uses, and others.
network_links() {
  local path link ours=() others=()
  for path in /sys/class/net/*; do
    link=${path##*/}
    if is_like "$link" "kube-ipvs0 $NETWORK_LINKS"; then
      ours+=("$link")
    elif is_like "$link" "$FOREIGN_LINKS"; then
      others+=("$link")
    fi
  done
  [ ${#ours[@]} -eq 0 ] || conflict link-conflict "a network of pods left ${ours[*]}, where ours will be" "reboot the machine, or run 'ip link delete NAME' for each"
  [ ${#others[@]} -eq 0 ] || finding network-links "a network of pods left ${#others[@]} links: ${others[*]:0:5}" "reboot the machine, or run 'ip link delete NAME' for each"
}

# routes_against NETWORK: those by which its packets would go another way than the cluster's, in words: what lies in it, and of
# tables that are asked before the cluster's routes are, what it lies in. A link that is told takes its own with it. Of an address that
# leads to its network, the route to itself goes with that.
routes_against() {
  local first table destination kind protocol link way tell_links=kube-ipvs0
  first=$(first_tables | paste -sd ' ')
  tell_links+=" $NETWORK_LINKS"
  is_among network-links "$PREFLIGHT_ALLOW" || tell_links+=" $FOREIGN_LINKS"
  {
    routes root "$1"
    routes match "$1" | awk -v network="$1" -v first=" $first " '$2 != "default" && $2 != network && index(first, " " $1 " ")'
  } | while read -r table destination kind protocol link way; do
    if [ "$kind" = broadcast ] || is_like "$link" "$tell_links"; then continue; fi
    if [ "$kind" = unicast ]; then kind=; else kind+=' '; fi
    if [ "$link" = - ]; then link=; else link=" dev $link"; fi
    if [ "$way" = - ]; then way=; else way=" via $way"; fi
    echo "$kind$destination$way$link (protocol $protocol in table $table)"
  done | awk '
    !/^local .* \(protocol kernel in table local\)$/ { print; if (match($0, / dev [^ ]+/)) told[substr($0, RSTART, RLENGTH)] = 1; next }
    { rest[++count] = $0 }
    END { for (i = 1; i <= count; i++) { match(rest[i], / dev [^ ]+/); if (!(substr(rest[i], RSTART, RLENGTH) in told)) print rest[i] } }'
}

# network_routes: what a route of others takes away comes neither to pods nor to Services.
network_routes() {
  local field network found
  for field in "pod_cidr $POD_CIDR" "service_cidr $SERVICE_CIDR"; do
    network=${field#* } field=cluster.networking.${field% *}
    found=$(routes_against "$network")
    [ -z "$found" ] || finding network-routes "$(wc -l <<<"$found") routes take packets of $field ($network) elsewhere: $(first "$found")" \
      "remove what makes them, another network plugin or a VPN, and them ('ip route delete $(sed -nE '1s/ (via|dev|\().* table ([^ ]+)\)$/ table \2/p' <<<"$found")'), or give $field a network that nobody uses; what is accepted stays, also when the machine leaves"
  done
}

# rules: what other networks of pods put into the kernel's packet filter, by name.
rules() {
  local save
  for save in iptables-save ip6tables-save iptables-legacy-save ip6tables-legacy-save; do
    command -v $save >/dev/null || continue
    $save 2>/dev/null | sed -nE 's/^:((KUBE|'"$NETWORK_CHAINS"')[-_][^ ]*) .*/\1/p' || true
  done
  awk 'NR > 3 && $1 ~ /^(TCP|UDP|SCTP|FWM)$/ { print "IPVS service " $1 }' /proc/net/ip_vs 2>/dev/null || true
  tables | awk -v names="^(kube-proxy|$NETWORK_TABLES)$" '$3 ~ names { print "table " $2 " " $3 }'
}

network_rules() {
  local found
  found=$(rules | sort -u)
  [ -z "$found" ] || finding network-rules "a network of pods left $(wc -l <<<"$found") chains and tables of the packet filter: $(first "$found")" \
    "reboot the machine; what is there again then is in a file that is loaded at boot (/etc/iptables, /etc/nftables.conf)"
}

# containerd takes the first configuration by name, which is to be ours.
cni_config() {
  local path name found=''
  for path in /etc/cni/net.d/*.conf /etc/cni/net.d/*.conflist /etc/cni/net.d/*.json; do
    name=${path##*/}
    [ ! -e "$path" ] || { [ -n "$CNI_FILE" ] && [[ ! $name < $CNI_FILE ]]; } || found+=" $path"
  done
  [ -z "$found" ] || [ -n "$CNI_FILE" ] || conflict cni-config "containerd would give pods the network of$found, and cluster.networking.plugin is none" "remove or rename them; your network plugin writes its own when it comes"
  [ -z "$found" ] || [ -z "$CNI_FILE" ] || conflict cni-config "containerd would give pods the network of$found, which come before ours ($CNI_FILE)" "remove or rename them"
}

# mounts_of_pods: where volumes and sandboxes of pods are mounted.
mounts_of_pods() { awk '$2 ~ "^/(var/lib/kubelet/|run/netns/cni-|run/containerd/io.containerd.(grpc.v1.cri/|runtime.v2.task/k8s.io/))" { print $2 }' /proc/mounts | sort -u; }

pod_mounts() {
  local found
  found=$(mounts_of_pods)
  [ -z "$found" ] || finding pod-mounts "$(wc -l <<<"$found") mounts of former pods are there: $(first "$found")" \
    "reboot the machine, or unmount them; what is accepted stays mounted, and stays there when the machine leaves the cluster"
}

# A runtime beside ours; containerd's is ours, too.
container_runtime() {
  local unit space
  for unit in docker.service docker.socket snap.docker.dockerd.service crio.service cri-docker.service; do
    # A socket starts its service when somebody asks; it is told where that does not run.
    if [ $unit = docker.socket ] && is_active docker.service; then continue; fi
    ! is_active $unit || finding container-runtime "$unit runs: containers that Kubernetes knows nothing of take its memory, disk and ports, and Docker drops packets that are forwarded" \
      "stop and remove it; who accepts it keeps it, also when the machine leaves the cluster"
  done
  if is_active containerd.service && command -v ctr >/dev/null; then
    for space in $(ctr namespaces list --quiet 2>/dev/null); do
      [ -z "$(ctr --namespace "$space" containers list --quiet 2>/dev/null)" ] ||
        finding container-runtime "containerd runs containers of namespace $space; it gets our configuration, and is restarted" "move them to another machine; who accepts them keeps them"
    done
  fi
}

is_active() { systemctl is-active --quiet "$1"; }

# apt is asked what it would do, and keeps nothing of its answer. Where it has no lists yet, or somebody installs packages now (a
# fresh machine upgrades itself), prepare finds out.
package_conflict() {
  local answer removed
  command -v apt-get >/dev/null || return 0
  # shellcheck disable=SC2086 # a list
  if answer=$(apt-get -s -q -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= --no-install-recommends install $PACKAGES 2>&1); then
    removed=$(sed -n 's/^Remv \([^ ]*\) .*/\1/p' <<<"$answer" | paste -sd ' ')
    [ -z "$removed" ] || conflict package-conflict "apt would remove $removed, to install what the cluster needs" "remove them yourself where nobody needs them, or take another machine"
  elif ! grep -qE 'Unable to locate package|has no installation candidate|dpkg was interrupted' <<<"$answer" && ! apt_works; then
    conflict package-conflict "apt could not install what the cluster needs: $(grep -E '^(E:| [a-z0-9.+-]+ : )' <<<"$answer" | sed -n '1,3p' | tr -s ' \n' ' ' | sed 's/^ //')" "make 'apt-get install $PACKAGES' possible"
  fi
}

apt_works() { grep -q ":$(stat -c %i /var/lib/dpkg/lock-frontend 2>/dev/null || echo none) " /proc/locks 2>/dev/null; }
