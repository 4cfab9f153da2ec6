#!/usr/bin/env bash
# The lab's network and the kernel settings its machines need: lab/network.sh {up|down}
#
# `up` may be repeated. `down` removes the bridge and puts back every setting as it was.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

saved=$lab/sysctl.saved

# What cannot be loaded from inside a container.
modules=(overlay br_netfilter nf_conntrack nf_tables ip_tables vxlan veth fuse)

# Not namespaced, so set here for all machines. The kubelet finds its own values and writes nothing; one budget
# of inotify instances serves the daemons of all machines.
settings=(
  vm.overcommit_memory=1
  vm.panic_on_oom=0
  kernel.panic=10
  kernel.panic_on_oops=1
  kernel.keys.root_maxkeys=1000000
  kernel.keys.root_maxbytes=25000000
  fs.inotify.max_user_instances=8192
  fs.inotify.max_user_watches=1048576
  # Traffic between machines is their own affair: this machine's firewall must not see it pass the bridge.
  net.bridge.bridge-nf-call-iptables=0
  net.bridge.bridge-nf-call-ip6tables=0
)

up() {
  local setting key
  mkdir -p "$lab"
  modprobe --all --quiet "${modules[@]}" 2>/dev/null || true
  if [ ! -e "$saved" ]; then
    for setting in "${settings[@]}"; do
      key=${setting%%=*}
      [ ! -e "/proc/sys/${key//.//}" ] || echo "$key=$(sysctl -n "$key")"
    done >"$saved.new"
    mv "$saved.new" "$saved"
  fi
  for setting in "${settings[@]}"; do
    key=${setting%%=*}
    [ ! -e "/proc/sys/${key//.//}" ] || sysctl -qw "$setting"
  done
  [ -d "/sys/class/net/$bridge" ] || ip link add "$bridge" type bridge
  ip address replace "$gateway/24" dev "$bridge"
  ip link set "$bridge" up
}

down() {
  local link
  for link in $(ip -o link show master "$bridge" 2>/dev/null | awk -F'[ :@]+' '{ print $2 }'); do
    ip link delete "$link" 2>/dev/null || true
  done
  [ ! -d "/sys/class/net/$bridge" ] || ip link delete "$bridge"
  if [ -e "$saved" ]; then
    sysctl -q --load="$saved"
    rm "$saved"
  fi
}

require_root
case ${1:-} in
  up) up ;;
  down) down ;;
  *) die "unknown action '${1:-}'" "up or down" ;;
esac
