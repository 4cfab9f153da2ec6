# shellcheck shell=bash
# shellcheck disable=SC2154 # the variables are lib.sh's
# A control group of its own for each lab machine. Without one, all kubelets of a cgroup v1 host would share
# one /kubepods and delete each other's pods; and what is left of a killed machine is found by it.

cgroup_name=${LAB_CGROUP:-groundwork}

# Whether systemd rules the control groups of this machine, so that groups must be asked of it.
systemd_owns_cgroups() {
  [ -d /run/systemd/system ] && [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]
}

# The hierarchies of this machine: one on cgroup v2, one a controller on v1.
cgroup_mounts() {
  awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts
}

# make_cgroup GROUP: one level, usable at once.
make_cgroup() {
  local group=$1 parent=${1%/*} file controllers
  mkdir -p "$group"
  for file in cpuset.cpus cpuset.mems; do
    # On v1 a new cpuset is empty, and no process can enter it.
    [ ! -e "$group/$file" ] || [ -e "$group/cgroup.type" ] || cat "$parent/$file" >"$group/$file"
  done
  if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
    controllers=$(sed -E 's/(\w+)/+\1/g' "$parent/cgroup.controllers")
    echo "$controllers" >"$parent/cgroup.subtree_control" ||
      die "cannot hand the controllers$controllers down to $group" "processes sit in $parent itself"
  fi
}

# in_cgroup NODE COMMAND...: replaces this process by the command, inside the machine's control groups.
in_cgroup() {
  local node=$1 mount
  shift
  if systemd_owns_cgroups; then
    exec systemd-run --quiet --collect --scope --property=Delegate=yes --unit="$cgroup_name-$node" "$@"
  fi
  for mount in $(cgroup_mounts); do
    make_cgroup "$mount/$cgroup_name"
    make_cgroup "$mount/$cgroup_name/$node"
    echo "$BASHPID" >"$mount/$cgroup_name/$node/cgroup.procs"
  done
  exec "$@"
}

scope_is_gone() { ! systemctl --quiet is-active "$cgroup_name-$1.scope"; }

# clear_cgroup NODE: kills what still runs in the machine's control groups and removes them.
clear_cgroup() {
  local node=$1 mount group attempt
  if systemd_owns_cgroups; then
    systemctl --quiet kill --signal=KILL "$cgroup_name-$node.scope" 2>/dev/null || true
    wait_until 10 scope_is_gone "$node" || die "$cgroup_name-$node.scope does not end"
    return
  fi
  for attempt in 1 2 3 4 5; do
    for mount in $(cgroup_mounts); do
      group=$mount/$cgroup_name/$node
      [ -d "$group" ] || continue
      find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u | xargs -r kill -KILL 2>/dev/null || true
      find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
    [ -n "$(cgroups_of "$node")" ] || return 0
    sleep "0.$attempt"
  done
  die "control groups of $node are still in use: $(cgroups_of "$node" | paste -sd' ')"
}

# power_cut NODE: everything of the machine dies at once; its disk stays. The supervisor goes first, so that it
# does not boot the machine again in the middle of a reboot.
power_cut() {
  local supervisor
  if running "$1" && read -r supervisor <"$lab/nodes/$1/pid"; then
    kill -KILL "$supervisor"
  fi
  clear_cgroup "$1"
  wait_until 10 is_off "$1" || die "$1 is still running" "see $lab/log/$1.console.log"
}

# freeze NODE 1 | 0: nothing of the machine runs | goes on where it was.
freeze() {
  local scope=$cgroup_name-$1.scope group frozen=
  if systemd_owns_cgroups; then
    if [ "$2" = 1 ]; then systemctl freeze "$scope"; else systemctl thaw "$scope"; fi
    return
  fi
  for group in $(cgroups_of "$1"); do
    [ -e "$group/cgroup.freeze" ] || continue
    echo "$2" >"$group/cgroup.freeze"
    frozen=1
  done
  [ -n "$frozen" ] || die "$1 has no control group that can be frozen" "it needs cgroup v2, which may be mounted beside v1"
}

# cgroups_of NODE: the folders that exist for it.
cgroups_of() {
  local mount
  for mount in $(cgroup_mounts); do
    [ ! -d "$mount/$cgroup_name/$1" ] || echo "$mount/$cgroup_name/$1"
  done
}

# machines_with_cgroups: names of all machines that have control groups, also of a lab whose folder is lost.
machines_with_cgroups() {
  local mount
  if systemd_owns_cgroups; then
    systemctl list-units --plain --no-legend --type=scope "$cgroup_name-*.scope" |
      sed -n "s/^$cgroup_name-\(.*\)\.scope .*/\1/p"
    return
  fi
  for mount in $(cgroup_mounts); do
    [ ! -d "$mount/$cgroup_name" ] || find "$mount/$cgroup_name" -mindepth 1 -maxdepth 1 -type d -printf '%f\n'
  done
}
