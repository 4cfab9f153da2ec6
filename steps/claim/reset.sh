#!/usr/bin/env bash
# reset: takes everything this cluster put on the machine off it again, and releases the lock last. Touches nothing that
# the cluster did not make: what was there before is in $STATE/before, nft-tables, packages, swap and original. A machine that a
# former release claimed has no `before`: there, what goes by a name of ours is ours, and a containerd that it did not install
# runs on. By hand it demands the cluster's id:
#   CLUSTER_ID=... NODE=$(hostname) NODE_IP=... STEP=reset steps/claim/reset.sh
#
# Needs also: NODE_HOSTNAME (default: what the machine is called); of what the network plugin makes NETWORK_LINKS (patterns)
# NETWORK_FOLDERS (of /run) and NETWORK_ROUTES (protocols of routes), space separated, NETWORK_TABLES (of nftables) and NETWORK_CHAINS (what iptables' begin with), |
# between them (default: it made none); POD_CIDR (default: its routes stay).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/hosts-lib.sh
. "$(dirname "$0")/../lib/hosts-lib.sh"
# shellcheck source=../lib/links-lib.sh
. "$(dirname "$0")/../lib/links-lib.sh"
# shellcheck source=../lib/routes-lib.sh
. "$(dirname "$0")/../lib/routes-lib.sh"

RUNTIME=/etc/containerd/config.toml
NODE_HOSTNAME=${NODE_HOSTNAME:-$(hostname)}
NETWORK_LINKS=${NETWORK_LINKS-} NETWORK_TABLES=${NETWORK_TABLES-} NETWORK_CHAINS=${NETWORK_CHAINS-} NETWORK_FOLDERS=${NETWORK_FOLDERS-} NETWORK_ROUTES=${NETWORK_ROUTES-} POD_CIDR=${POD_CIDR-}

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

# left TEXT: what stays on the machine. An `up` shows no word of a step that succeeds: the machine's journal keeps it.
left() { say "left $*"; }

# was_there LINE: whether it was there before the cluster (see note_others in claim.sh).
was_there() { grep -qxF "$1" "$STATE/before" 2>/dev/null; }

# installed PACKAGE: whether the cluster did.
installed() { grep -qxF "$1" "$STATE/packages" 2>/dev/null; }

pods() { timeout 20 ctr --namespace k8s.io "$@" 2>/dev/null || true; }

# ours: of these containers those that were not there before.
ours() {
  local each
  while read -r each; do was_there "container k8s.io $each" || echo "$each"; done
}

# end_pods: by the runtime. One that hangs, and a process that waits for storage that is gone, do not answer.
end_pods() {
  local task
  for task in $(pods tasks list --quiet | ours); do pods tasks kill --signal SIGKILL "$task"; done
  for task in $(pods tasks list --quiet | ours); do pods tasks delete --force "$task"; done
  # Where the runtime's data is not the cluster's, its images and containers still are.
  recorded /var/lib/containerd || was_there "namespace k8s.io" || {
    for task in $(pods containers list --quiet); do pods containers remove "$task"; done
    for task in $(pods images list --quiet); do pods images remove --sync "$task"; done
  }
}

# processes_of_pods: all in the kubelet's control groups, of either driver. Of another namespace's 0 is told.
processes_of_pods() { find /sys/fs/cgroup -path '*/kubepods*' -name cgroup.procs -exec cat {} + 2>/dev/null | grep -vx 0 | sort -u || true; }

remove_pods() {
  local task shim all=''
  recorded "$RUNTIME" || return 0
  if systemctl is-active --quiet containerd.service; then
    all=$({ pods tasks list --quiet; pods containers list --quiet; } | ours | sort -u)
    at_most 90 end_pods || say "the runtime did not end all pods"
    # Containers of others go on without it.
    systemctl stop containerd.service
  fi
  shim='^/usr/(bin|local/lib/groundwork/containerd-[0-9.]+)/containerd-shim-runc-v2 -namespace k8s.io '
  # Pods of others, too: of such a runtime those that it knew to be ours.
  if grep -q '^container k8s\.io ' "$STATE/before" 2>/dev/null; then
    for task in $all; do pkill -KILL -f "$shim(.* )?-id $task( |\$)" || true; done
  else
    pkill -KILL -f "$shim" || true
    # What runs on without its shim, as after a runtime that died.
    processes_of_pods | xargs -r kill -KILL 2>/dev/null || true
  fi
}

# leave_containerd: as it was before. Where that is not known, it runs; as it does where others came to need ours.
leave_containerd() {
  local runs=''
  recorded "$RUNTIME" || return 0
  if installed containerd; then
    ! is_needed containerd || runs=1
  elif [ ! -e "$STATE/before" ] || was_there "unit containerd.service"; then
    runs=1
  fi
  if [ -n "$runs" ]; then systemctl start --no-block containerd.service; else systemctl disable --quiet --now containerd.service; fi
}

# mounted: where something is mounted, the deepest first.
mounted() {
  local at
  while read -r _ at _; do printf '%b\n' "${at//\\/\\0}"; done </proc/mounts | sort -r
}

# of_pods: the mounts of those that only pods of ours have.
of_pods() {
  {
    mounted | grep -E '^/(var/lib/kubelet/(pods|plugins)/|run/containerd/io\.containerd\.(grpc\.v1\.cri/|runtime\.v2\.task/k8s\.io/)|(var/)?run/netns/groundwork-probe$)' || true
    ! recorded /var/lib/containerd || mounted | grep '^/var/lib/containerd/' || true
    # shellcheck disable=SC2086 # a list
    for at in $NETWORK_FOLDERS; do mounted | grep "^$at/" || true; done
  } | while read -r at; do was_there "mount ${at// /\\040}" || echo "$at"; done
}

# volumes_on_rbd: the RBD devices, by name, that pods have volumes on: as file systems, encrypted or not, or as devices.
volumes_on_rbd() {
  local at root device kind
  # Major and minor number of what is mounted, its root there, and the type of its file system.
  awk '$5 ~ "^/var/lib/kubelet/(pods|plugins)/" { for (i = 6; $i != "-"; i++); print $3, $4, $(i + 1) }' /proc/self/mountinfo |
    while read -r at root kind; do
      case $kind in
        devtmpfs) device=${root#/} ;;
        *) device=$(basename "$(readlink -f "/sys/dev/block/$at")") ;;
      esac
      below "$device"
    done | grep -xE 'rbd[0-9]+' | sort -u || true
}

# below DEVICE: it, and what lies below it: the disk of a partition, what is encrypted.
below() {
  local lower
  echo "${1%p[0-9]*}"
  for lower in "/sys/class/block/$1/slaves"/*; do [ ! -e "$lower" ] || below "${lower##*/}"; done
}

unmount() {
  local mount
  for mount in "$@"; do umount "$mount" || umount --lazy "$mount" || true; done
}

# unmap DEVICE: as `rbd unmap` does, which not every node has; before it what makes an encrypted device of it.
unmap() {
  local bus=/sys/bus/rbd upper
  for upper in "/sys/class/block/$1/holders"/dm-*; do
    [ ! -e "$upper" ] || dmsetup remove "$(cat "$upper/dm/name")"
  done
  if [ -e $bus/remove_single_major ]; then echo "${1#rbd}" >$bus/remove_single_major; else echo "${1#rbd}" >$bus/remove; fi
}

# at_most SECONDS COMMAND...: a command that is left alone when it takes longer: what writes back to storage that does not answer
# waits in the kernel, and cannot be killed. It holds nothing of ours: neither the step's lock, nor the connection.
at_most() {
  local seconds=$1 pid
  shift
  "$@" >/dev/null 2>&1 </dev/null 9>&- {TOLD}>&- &
  pid=$!
  if poll "$seconds" "" has_ended "$pid"; then
    wait "$pid"
  else
    kill -KILL "$pid" 2>/dev/null || true
    return 1
  fi
}

has_ended() { ! kill -0 "$1" 2>/dev/null; }

# remove_mounts: nothing is wiped as long as one is left: what is behind it may be somebody's only copy. Which devices are pods'
# is known by their mounts only: it is noted before these go.
remove_mounts() {
  local device left mounts
  volumes_on_rbd >>"$STATE/rbd"
  sync "$STATE/rbd"
  mapfile -t mounts < <(of_pods || true)
  # An unmount may take its children with it.
  at_most 30 unmount "${mounts[@]}" || { of_pods || true; } | while read -r left; do at_most 10 umount --lazy "$left" || true; done
  sort -u "$STATE/rbd" | while read -r device; do
    [ -e "/sys/bus/rbd/devices/${device#rbd}" ] || continue
    at_most 15 unmap "$device" || left "/dev/$device: it is in use, or its Ceph does not answer; the kernel has it until the machine is restarted (systemctl reboot --force)"
  done
  left=$(of_pods || true)
  [ -z "$left" ] || die "could not unmount $(sed -n '1,3p' <<<"$left" | paste -sd ' '); nothing was wiped" "end what uses it (fuser -vm PATH), or restart the machine; then run 'pulumi up' again"
}

# remove_sandboxes: the network namespaces of pods. One in which a program runs is another's.
remove_sandboxes() {
  local path name
  for path in /run/netns/cni-* /run/netns/groundwork-probe; do
    name=${path##*/}
    [ -e "$path" ] || continue
    if was_there "netns $name" || ! poll 3 "" is_deserted "$name"; then continue; fi
    umount "$path" 2>/dev/null || true
    rm -f "$path"
  done
}

is_deserted() { [ -z "$(ip netns pids "$1")" ]; }

# remove_ipvs: what kube-proxy made by IPVS, which it knows itself.
remove_ipvs() {
  local unit=/etc/systemd/system/kube-proxy.service
  if ! recorded $unit || ! grep -q '[-]-proxy-mode=ipvs' $unit 2>/dev/null; then return 0; fi
  timeout 60 "$(sed -nE 's,^ExecStart=([^ ]+).*,\1,p' $unit)" --cleanup >/dev/null 2>&1 || left "what kube-proxy made by IPVS (see kube-ipvs0): a reboot takes it away"
}

remove_network() {
  local link family name
  remove_ipvs
  for link in $(links_of_pods); do ip link delete "$link" 2>/dev/null || true; done
  # shellcheck disable=SC2086 # a list
  for name in $NETWORK_ROUTES; do ip route flush table all proto "$name" 2>/dev/null || true; done
  remove_routes
  remove_sandboxes
  remove_chains iptables
  remove_chains ip6tables
  { nft list tables 2>/dev/null || true; } | while read -r _ family name; do
    case $name in
      kube-proxy) ;;
      # The iptables programs make these when they are first used. Of a run that was cut short at its end it is not known any
      # more whose they are.
      mangle | nat | filter | raw) if [[ $family != ip* ]] || [ ! -e "$STATE/nft-tables" ] || ! is_empty "$family" "$name"; then continue; fi ;;
      *) if [ -z "$NETWORK_TABLES" ] || ! [[ $name =~ ^($NETWORK_TABLES)$ ]]; then continue; fi ;;
    esac
    grep -qxF "table $family $name" "$STATE/nft-tables" || nft delete table "$family" "$name" 2>/dev/null || true
  done
}

# remove_routes: those into the network of pods that a program made since the claim, whichever it was; the kernel's own go with the
# address that made them. Where a former release claimed the machine, nobody knows which were there before.
remove_routes() {
  local table destination protocol
  if [ -z "$POD_CIDR" ] || ! was_there "routes of $POD_CIDR"; then return 0; fi
  routes root "$POD_CIDR" | while read -r table destination _ protocol _; do
    [ "$protocol" = kernel ] || was_there "route $table $destination" ||
      ip -4 route flush table "$table" exact "$destination" proto "$protocol" 2>/dev/null || left "the route $destination (table $table)"
  done
}

# links_of_pods: those of the network plugin, and before a bridge those of pods that hang on it.
links_of_pods() {
  local path link
  for path in /sys/class/net/*; do
    link=${path##*/}
    if was_there "link $link" || ! is_like "$link" "$NETWORK_LINKS"; then continue; fi
    { ip -o link show master "$link" type veth 2>/dev/null || true; } | sed -n 's/^[0-9]*: \([^@:]*\)[@:].*/\1/p'
    echo "$link"
  done
}

# is_empty FAMILY TABLE: whether there is nothing in it but chains that let everything through.
is_empty() { ! { nft list table "$1" "$2" 2>/dev/null || true; } | grep -qvE '^[[:space:]]*(#.*|table .*|chain (INPUT|OUTPUT|FORWARD|PREROUTING|POSTROUTING) \{|type .* policy accept;|\}|)$'; }

# remove_chains iptables|ip6tables: our chains, and the rules that lead to them.
remove_chains() {
  local rules
  rules=$({ "$1-save" 2>/dev/null || true; } | awk -v program="$1" -v before="$STATE/before" -v ours_begin="^:(KUBE${NETWORK_CHAINS:+|$NETWORK_CHAINS})[-_]" '
    BEGIN { while ((getline line <before) > 0) there[line] = 1 }
    /^\*/ { table = substr($1, 2); out = ends = ""; delete ours }
    $0 ~ ours_begin {
      name = substr($1, 2)
      if (("chain " program " " table " " name) in there) next
      ours[name] = 1
      out = out "-F " name "\n"
      ends = ends "-X " name "\n"
    }
    { said = $0; gsub(/"([^"\\]|\\.)*"/, "", said) } # a comment may read like a rule
    /^-A / && !($2 in ours) && match(said, / -[jg] [^ ]+/) && (substr(said, RSTART + 4, RLENGTH - 4) in ours) { out = "-D" substr($0, 3) "\n" out }
    /^COMMIT/ && ends != "" { print "*" table "\n" out ends "COMMIT" }')
  [ -z "$rules" ] || "$1-restore" --noflush <<<"$rules" 2>/dev/null || left "chains of $1"
}

# wipe PATH: it goes; of what is a mount only the content, and of what is mounted below it nothing.
wipe() {
  local each inside='' itself=''
  for each in "${MOUNTS[@]}"; do
    [[ $each/ != "$1"/* ]] || inside=1
    [ "$each" != "$1" ] || itself=1
  done
  if [ -z "$inside" ]; then
    rm -rf --one-file-system -- "$1" ||
      die "could not remove $1" "rm says above what keeps it ('chattr -i' gives up what is immutable); then run 'pulumi up' again"
  elif [ -n "$itself" ] && [ -n "${2-}" ]; then
    left "$1: something is mounted there"
  elif [ -d "$1" ]; then
    wipe_in "$1"
    [ -n "$itself" ] || rmdir "$1" 2>/dev/null || true
  fi
}

# wipe_in FOLDER NAME...: what is in it goes, but for what has one of the NAMEs.
wipe_in() {
  local each name
  for each in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$each" ] || [ -L "$each" ] || continue
    for name in "${@:2}"; do [ "$name" != "${each##*/}" ] || continue 2; done
    wipe "$each" below
  done
}

# holds_mount PATH: whether something is mounted there or below.
holds_mount() {
  local mount
  for mount in "${MOUNTS[@]}"; do [[ $mount/ != "$1"/* ]] || return 0; done
  return 1
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
        if holds_mount "$path"; then left "$path: something is mounted there"; continue; fi
        as_ceph find "$path" -xdev -depth ! \( -path "$path" -type d \) -delete 2>/dev/null || true
        continue
        ;;
      */)
        rmdir "$path" 2>/dev/null || true
        continue
        ;;
    esac
    if is_used "$STATE/original$path"; then
      leave_theirs "$path"
      continue
    fi
    if [ "$path" = /etc/hosts ] && others_wrote_hosts "$STATE/original$path"; then
      left "/etc/hosts as others have written it since; only the line of $NODE_HOSTNAME is gone"
      continue
    fi
    wipe "$path"
    if is_there "$STATE/original$path"; then cp -aT -- "$STATE/original$path" "$path"; fi
  done
}

# others_wrote_hosts ORIGINAL: where the file is not as the claim made it, the node's line goes from it, and no more.
others_wrote_hosts() {
  if [ ! -f "$1" ] || cmp -s /etc/hosts "$1" || cmp -s /etc/hosts <(hosts_with "$NODE_HOSTNAME" "$NODE_IP" "$1"); then return 1; fi
  { grep -vxF "$NODE_IP $NODE_HOSTNAME" /etc/hosts || true; } | file /etc/hosts 0644 root:root
}

# is_used PATH: whether it is a folder with something in it.
is_used() { [ -d "$1" ] && [ ! -L "$1" ] && [ -n "$(ls -A "$1")" ]; }

# leave_theirs FOLDER: a former release took folders that others used, and copied them (into a copy that was there, too). The
# copy is as old as the claim: what it names stays as it is now, and the rest goes.
leave_theirs() {
  local former=$STATE/original$1
  mapfile -t former < <(ls -A "$former" && { ls -A "$former/${1##*/}" 2>/dev/null || true; })
  wipe_in "$1" "${former[@]}"
}

# would_go PACKAGE...: what apt would remove with them.
would_go() { { apt-get -s -q purge "$@" 2>/dev/null || true; } | sed -nE 's/^(Remv|Purg) ([^ :]+).*/\2/p'; }

# is_needed PACKAGE: whether apt would remove another than ours with it.
is_needed() { would_go "$1" | grep -vxFf "$STATE/packages" | grep -q .; }

# remove_packages: ours, but for those that others came to need.
remove_packages() {
  local package ours=() go=()
  if [ -s "$STATE/packages" ]; then
    # What dpkg knows no more is gone; apt, asked for it, may fail.
    # shellcheck disable=SC2016 # dpkg-query expands it
    mapfile -t ours < <(sort -u "$STATE/packages" | xargs dpkg-query --showformat='${Package} ${db:Status-Abbrev}\n' --show 2>/dev/null |
      sed -nE 's/^([^ ]+) .[^n].*/\1/p' | sort -u)
    go=("${ours[@]}")
    if [ ${#ours[@]} -gt 0 ] && would_go "${ours[@]}" | grep -vxFf "$STATE/packages" | grep -q .; then
      go=()
      for package in "${ours[@]}"; do
        if is_needed "$package"; then left "package $package: others need it"; else go+=("$package"); fi
      done
    fi
    # After whoever installs packages now. The lock stays where it fails, so that another run finds what is left.
    [ ${#go[@]} -eq 0 ] || DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=240 purge "${go[@]}" >"$RUN/apt.log" 2>&1 ||
      die "apt could not remove ${go[*]}: $(tail -n 1 "$RUN/apt.log")" "mend what it says ('apt-get purge ${go[*]}' shows all of it, 'dpkg --configure -a' ends what was cut short); then run 'pulumi up' again"
  fi
  [ ! -e "$STATE/users" ] || xargs -r -n1 userdel <"$STATE/users" 2>/dev/null || true
}

# restore_swap: what prepare switched off (swap_off there).
restore_swap() {
  local what of
  [ -e "$STATE/swap" ] || return 0
  while read -r what of; do
    case $what in
      unmask) systemctl unmask --quiet "$of" ;;
      enable) systemctl enable --quiet --now "$of" 2>/dev/null || say "could not start $of" ;;
      swapon) swapon "$of" 2>/dev/null || say "could not switch swap on $of on again" ;;
    esac
  done <"$STATE/swap"
}

if [ ! -e "$STATE/lock" ]; then
  say "the machine belongs to no cluster"
  exit 0
fi
require_claim
exclusively reset
rm -rf "$STATE/steps" # from here on nothing is as a step left it
stop_services
remove_pods
remove_mounts # what volumes still hold is written while Ceph is there
stop_ceph
remove_network
mapfile -t MOUNTS < <(mounted)
restore_files
systemctl daemon-reload # the runtime starts as its own files say, not as ours did
leave_containerd
remove_packages
systemctl daemon-reload
restore_swap
systemctl reset-failed 2>/dev/null || true
sysctl --quiet --system >/dev/null 2>&1 || true
wipe_in /var/lib/groundwork programs
for path in /var/log/pods /var/log/containers; do
  was_there "folder $path" || wipe $path
done
# shellcheck disable=SC2086 # a list
rm -rf $NETWORK_FOLDERS /run/groundwork-birth "$RUN"
# From here on the originals are in their places: first goes what would have another run wipe these.
rm -f "$STATE/files" "$STATE/packages" "$STATE/users" "$STATE/swap"
sync "$STATE"
wipe_in "$STATE" lock before nft-tables
# The lock is the last to go: until here a run that was cut short is known by it. Before it go the notes of what is others', and
# before these the programs: where they are gone and no more is left, whoever runs them (steps/program.ts) ends it.
if [ -d /var/lib/groundwork ]; then
  wipe_in /var/lib/groundwork
  rmdir /var/lib/groundwork 2>/dev/null || left "/var/lib/groundwork: something is mounted there"
fi
rm -f "$STATE/before" "$STATE/nft-tables"
rm -f "$STATE/lock"
rmdir "$STATE" 2>/dev/null || left "$STATE: something is mounted there"
echo reset
