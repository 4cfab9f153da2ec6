#!/usr/bin/env bash
# All machines of a cluster file: lab/nodes.sh {up [FILE]|config [FILE]|down}
#
#   up      boots every machine that FILE (default: lab/cluster.yaml) names and that does not run yet,
#           and writes .lab/cluster.yaml
#   config  only writes .lab/cluster.yaml: FILE, plus what is known of this lab (host keys, mirror, registry)
#   down    cuts the power of all machines and removes every trace of them, also of a lab that was killed
#
# SYSTEMS in the environment, a list such as `bookworm worker-01=trixie`, says of which Debian a machine that is installed
# from now on is: the word without a name is for all others (default: trixie). `trixie-virtual` is a virtual machine with
# Debian's kernel; it needs qemu-system-x86 (lab/requirements.sh qemu-system-x86).
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$lab_source/cgroups.sh"
. "$lab_source/disk.sh"

cluster_file() {
  "$repo/node_modules/.bin/node" --disable-warning=ExperimentalWarning --disable-warning=MODULE_TYPELESS_PACKAGE_JSON \
    "$lab_source/clusterFile.ts" "$@"
}

# read_machines FILE: the table of names and addresses that every other command goes by: the file's machines,
# and those that still run though the file no longer names them.
read_machines() {
  local table name address
  mkdir -p "$lab/ssh"
  [ -e "$lab/ssh/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C groundwork-lab -f "$lab/ssh/id_ed25519"
  table=$(cluster_file machines "$1")
  while read -r name address; do
    ! running "$name" || grep -q "^$name " <<<"$table" || table+=$'\n'"$name $address"
  done < <(cat "$lab/machines" 2>/dev/null)
  echo "$table" >"$lab/machines.new"
  mv "$lab/machines.new" "$lab/machines"
}

# introduce_machines: machines that run already learn the names of new ones, as from a site's name service.
introduce_machines() {
  local node name address leader hosts
  while read -r node _; do
    leader=$(leader_of "$node")
    [ -n "$leader" ] || continue
    hosts=/proc/$leader/root/etc/hosts
    while read -r name address; do
      grep -q " $name\$" "$hosts" || echo "$address $name" >>"$hosts"
    done <"$lab/machines"
  done <"$lab/machines"
}

# note_systems: what SYSTEMS says, for every machine that is installed from now on.
note_systems() {
  local word default=trixie named=()
  [ -n "${SYSTEMS-}" ] || return 0
  for word in $SYSTEMS; do
    case $word in *=*) named+=("${word/=/ }") ;; *) default=$word ;; esac
  done
  printf '%s\n' "${named[@]}" "* $default" >"$lab/systems"
}

config() {
  local name
  read_machines "$1"
  note_systems
  while read -r name _; do
    make_host_key "$name"
  done <"$lab/machines"
  cluster_file write "$1" "$lab"
}

up() {
  local name pid pids=() failed=0
  "$lab_source/network.sh" up
  config "$1"
  # Here, lest each machine wait for it.
  while read -r name _; do system_of "$name"; done <"$lab/machines" | sort -u | while read -r name; do
    rootfs_of "$name" >/dev/null
  done
  introduce_machines
  while read -r name _; do
    "$lab_source/node" start "$name" &
    pids+=($!)
  done <"$lab/machines"
  for pid in "${pids[@]}"; do
    wait "$pid" || failed=1
  done
  [ "$failed" = 0 ] || die "not all machines came up" "see above"
}

# Machines are found by their folders and by their control groups: either may be all that a killed lab left.
known_machines() {
  {
    ls "$lab/nodes" 2>/dev/null || true
    machines_with_cgroups
  } | sort -u
}

down() {
  local name mount
  for name in $(known_machines); do
    power_cut "$name"
    unplug_disks "$name"
  done
  for mount in $(cgroup_mounts); do
    rmdir "$mount/$cgroup_name" 2>/dev/null || true
  done
  "$lab_source/network.sh" down
  rm -rf --one-file-system "$lab/nodes" "$lab/ssh" "$lab/machines" "$lab/systems" "$lab/cluster.yaml"
  rm -f "$lab"/log/*.console.log
  rmdir "$lab/log" "$lab" 2>/dev/null || true
}

require_root
case ${1:-} in
  up | config) "$1" "${2:-$lab_source/cluster.yaml}" ;;
  down) down ;;
  *) die "unknown action '${1:-}'" "up [FILE], config [FILE] or down" ;;
esac
