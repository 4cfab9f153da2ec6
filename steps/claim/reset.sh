#!/usr/bin/env bash
# reset: takes everything this cluster put on the machine off it again, and releases the lock last. Touches nothing that
# the cluster did not make. By hand it demands the cluster's id:
#   CLUSTER_ID=... NODE=$(hostname) NODE_IP=... STEP=reset steps/claim/reset.sh
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

# stop_services: the units whose files the cluster put there.
stop_services() {
  local path present=()
  { grep -xE '/etc/systemd/system/[^/]+' "$STATE/files" 2>/dev/null || true; } | while read -r path; do
    [ ! -e "$path" ] || present+=("${path##*/}")
  done
  [ ${#present[@]} -gt 0 ] || return 0
  systemctl disable --quiet "${present[@]}"
  # Their data goes too: there is nothing to wait for, and an API server without etcd takes a minute to end.
  systemctl stop --no-block "${present[@]}"
  systemctl kill --signal=SIGKILL "${present[@]}" 2>/dev/null || true
  systemctl stop "${present[@]}"
}

# Ceph's units are its packages': only where the configuration is ours, so are the daemons.
stop_ceph() {
  local unit
  grep -qxF /etc/ceph/ceph.conf "$STATE/files" 2>/dev/null || return 0
  for unit in $(systemctl list-units --all --plain --no-legend 'ceph-mgr@*' 'ceph-mon@*' 'ceph-osd@*' ceph-crash.service | cut -d' ' -f1); do
    systemctl disable --quiet --now "$unit" 2>/dev/null || systemctl kill --signal=SIGKILL "$unit" 2>/dev/null || true
  done
  pkill -KILL -u ceph 2>/dev/null || true
}

remove_pods() {
  local task
  command -v ctr >/dev/null && systemctl is-active --quiet containerd.service || return 0
  for task in $(ctr --namespace k8s.io tasks list --quiet 2>/dev/null); do
    ctr --namespace k8s.io tasks kill --signal SIGKILL "$task" 2>/dev/null || true
  done
  for task in $(ctr --namespace k8s.io tasks list --quiet 2>/dev/null); do
    ctr --namespace k8s.io tasks delete --force "$task" >/dev/null 2>&1 || true
  done
  systemctl disable --quiet --now containerd.service
  pkill -KILL -f '^/usr/bin/containerd-shim-runc-v2 -namespace k8s.io ' || true
}

remove_mounts() {
  local mount
  # Deepest first; an unmount may take its children with it.
  awk '$2 ~ "^/(var/lib/kubelet/|run/containerd/|var/lib/containerd/|(var/)?run/netns/(cni-|groundwork-probe$))" { print $2 }' /proc/mounts | sort -r |
    while read -r mount; do umount "$mount" 2>/dev/null || umount --lazy "$mount" 2>/dev/null || true; done
}

remove_network() {
  local link family name
  for link in cni0 flannel.1; do ip link delete "$link" 2>/dev/null || true; done
  for link in $(ip -o link show type veth 2>/dev/null | sed -n 's/^[0-9]*: \(veth[0-9a-f]*\)@.*/\1/p'); do ip link delete "$link" 2>/dev/null || true; done
  find /run/netns \( -name 'cni-*' -o -name groundwork-probe \) -exec umount {} + -exec rm -f {} + 2>/dev/null || true
  iptables-save 2>/dev/null | grep -vE 'KUBE-|FLANNEL|CNI-' | iptables-restore 2>/dev/null || true
  # Our own tables, and those of the iptables programs that were not there when the machine was claimed.
  { nft list tables 2>/dev/null || true; } | while read -r _ family name; do
    case $name in
      kube-proxy | flannel-ipv[46] | cni_*) ;;
      # Of a run that was cut short at its end it is not known any more whose they are.
      mangle | nat | filter | raw) [ -e "$STATE/nft-tables" ] || continue ;;
      *) continue ;;
    esac
    grep -qxF "table $family $name" "$STATE/nft-tables" || nft delete table "$family" "$name" 2>/dev/null || true
  done
}

# restore_files: what was there before comes back; what was not there goes.
restore_files() {
  local path
  [ -e "$STATE/files" ] || return 0
  tac "$STATE/files" | while read -r path; do
    case $path in
      /var/lib/ceph/*/)
        as_ceph rmdir "$path" 2>/dev/null || true
        continue
        ;;
      # A folder was empty, and stays.
      /var/lib/ceph/*)
        as_ceph find "$path" -xdev -depth ! \( -path "$path" -type d \) -delete 2>/dev/null || true
        continue
        ;;
      */)
        rmdir "$path" 2>/dev/null || true
        continue
        ;;
    esac
    rm -rf --one-file-system -- "$path" 2>/dev/null || find "$path" -xdev -mindepth 1 -delete
    if [ -e "$STATE/original$path" ]; then cp -aT -- "$STATE/original$path" "$path"; fi
  done
}

remove_packages() {
  [ ! -e "$STATE/packages" ] || DEBIAN_FRONTEND=noninteractive xargs -r apt-get -q -y purge <"$STATE/packages" >/dev/null 2>&1 || true
  [ ! -e "$STATE/users" ] || xargs -r -n1 userdel <"$STATE/users" 2>/dev/null || true
}

if [ ! -e "$STATE/lock" ]; then
  say "the machine belongs to no cluster"
  exit 0
fi
require_claim
exclusively reset
rm -rf "$STATE/steps" # from here on nothing is as a step left it
stop_services
stop_ceph
remove_pods
remove_mounts
remove_network
restore_files
remove_packages
systemctl daemon-reload
systemctl reset-failed 2>/dev/null || true
sysctl --quiet --system >/dev/null 2>&1 || true
find /var/lib/groundwork -mindepth 1 -maxdepth 1 ! -name programs -exec rm -rf {} + 2>/dev/null || true
rm -rf /var/log/pods /var/log/containers /run/flannel /run/groundwork-birth "$RUN"
# The lock is the last to go: until here a run that was cut short is known by it. And the last but one are these programs: where
# they are gone and the lock alone is left, whoever runs them (steps/program.ts) ends it.
find "$STATE" -mindepth 1 ! -name lock -delete 2>/dev/null || rm -rf "${STATE:?}/original"
rm -rf /var/lib/groundwork
rm -f "$STATE/lock"
rmdir "$STATE"
echo reset
