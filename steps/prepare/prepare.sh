#!/usr/bin/env bash
# prepare: operating system settings, packages, programs by SHA-256 and the container runtime. Starts nothing of Kubernetes, and
# switches nothing: a version of it lies beside the others, until the step that runs its unit names it.
#
# Needs also: ROLE, FIX (space separated findings of preflight to mend: swap), NTP_SERVERS (space separated, may be empty),
# CONTAINERD_VERSION (empty: the distribution's), PACKAGES (space separated), ARTIFACTS (lines of: sha256, URL, path[=member of the .tar.gz] ...),
# PROXY (words NAME=VALUE, may be empty), install_files, a function that puts the rendered files in place, and, where somebody
# logs in to a registry, registry_logins, the text that containerd reads of it.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/programs-lib.sh
. "$(dirname "$0")/../lib/programs-lib.sh"
# shellcheck source=../lib/runtime-lib.sh
. "$(dirname "$0")/../lib/runtime-lib.sh"
# shellcheck source=../lib/packages-lib.sh
. "$(dirname "$0")/../lib/packages-lib.sh"
# shellcheck source=../lib/prepare-lib.sh
. "$(dirname "$0")/../lib/prepare-lib.sh"

# By which proxy containerd gets images.
PROXY_UNIT=/etc/systemd/system/containerd.service.d/groundwork-proxy.conf

kernel_settings() {
  local module setting key have wanted=() answer
  while read -r module; do
    [ -d "/sys/module/$module" ] || modprobe "$module" 2>/dev/null || [ ! -d "/lib/modules/$(uname -r)" ] ||
      die "kernel module $module cannot be loaded" "install the distribution's full kernel image"
  done </etc/modules-load.d/groundwork.conf
  while read -r setting; do
    case $setting in '' | '#'*) continue ;; esac
    key=${setting%% =*} have=''
    read -r have 2>/dev/null <"/proc/sys/${key//.//}" || true
    [ "$have" = "${setting#*= }" ] || wanted+=("$key=${setting#*= }")
  done </etc/sysctl.d/90-groundwork.conf
  [ ${#wanted[@]} -gt 0 ] || return 0
  answer=$(sysctl -qw "${wanted[@]}" 2>&1) ||
    die "the kernel does not take all of ${wanted[*]}: $answer" "in a container, set it on the host"
  changed "set ${wanted[*]}"
}

# withdraw: what an earlier run put where containerd looks, and the file no longer has, goes; what was there before it comes
# back. containerd's configuration counts as changed then, for who reads a file does not notice that it is gone.
withdraw() {
  local path
  while read -r path; do
    case $path in */) continue ;; /etc/containerd/certs.d/* | "$PROXY_UNIT") ;; *) continue ;; esac
    if ! is_there "$path" || [[ $'\n'$PLACED == *$'\n'"$path"$'\n'* ]]; then continue; fi
    [ ! -e "$CONTAINERD" ] || touch "$CONTAINERD"
    if is_there "$STATE/original$path"; then
      cmp -s "$STATE/original$path" "$path" && continue
      cp -a -- "$STATE/original$path" "$path"
    else
      rm -f "$path"
      # An empty folder would keep a registry from the mirrors of all others.
      rmdir --ignore-fail-on-non-empty "${path%/*}"
    fi
    changed "took back $path"
  done <"$STATE/files"
}

# former_runtime: where a containerd of the file has not come up, and who started it was killed before he could put back what ran before.
former_runtime() {
  local former=/var/lib/groundwork/undo/kubelet$RUNTIME runs
  [ -e "$former" ] || return 0
  runs=$(running_containerd) || runs=
  [ -z "$runs" ] || return 0
  file "$RUNTIME" 0600 root:root <"$former"
  systemctl daemon-reload
  systemctl restart --no-block containerd.service
}

container_runtime() {
  local systemd_cgroup=false restrict=false
  [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] && systemd_cgroup=true
  # Machines that are containers may lack CAP_SYS_RESOURCE; there runc fails to start any pod that lowers its oom_score_adj.
  choom -n -1 -- true 2>/dev/null || restrict=true
  # Though an image may have brought the same: by this the runtime is known to be the cluster's.
  record "$CONTAINERD"
  configure_containerd $systemd_cgroup $restrict
  enable_units containerd.service
  run_unit containerd.service "$CONTAINERD" "$PROXY_UNIT"
}

# metrics: a timer tells of the machine what docs/metrics.md says.
metrics() {
  [ -d /var/lib/groundwork/metrics ] || install -d -m 0755 /var/lib/groundwork /var/lib/groundwork/metrics
  enable_units groundwork-metrics.timer groundwork-metrics.service
  run_unit groundwork-metrics.timer /etc/systemd/system/groundwork-metrics.timer
}

# swap_off: until the machine leaves the cluster. What was on is noted first, so that it comes back then.
swap_off() {
  local unit device
  [[ " $FIX " == *' swap '* ]] || return 0
  # By its mask, systemd starts none that it knows of (fstab, generators, units) at the next boot.
  if [ "$(systemctl is-enabled swap.target 2>/dev/null)" != masked ]; then
    note_swap "unmask swap.target"
    systemctl mask --quiet swap.target
    changed "masked swap.target"
  fi
  for unit in zramswap.service dphys-swapfile.service; do
    systemctl is-enabled --quiet "$unit" 2>/dev/null || continue
    note_swap "enable $unit"
    systemctl disable --quiet --now "$unit"
    changed "disabled $unit"
  done
  while read -r device _; do
    [ "$device" != Filename ] || continue
    note_swap "swapon $device"
    swapoff "$device" || die "swap on $device cannot be switched off" "make room in memory (free -m), then run 'pulumi up' again"
    changed "switched swap on $device off"
  done </proc/swaps
}

note_swap() { grep -qxF "$1" "$STATE/swap" 2>/dev/null || printf '%s\n' "$1" >>"$STATE/swap"; }

# clock: its servers are in files for both programs that may set it; each takes its own.
clock() {
  local unit=systemd-timesyncd.service file=/etc/systemd/timesyncd.conf.d/groundwork.conf
  ! command -v chronyd >/dev/null || unit=chrony.service file=/etc/chrony/sources.d/groundwork.sources
  if [ -n "$NTP_SERVERS" ]; then
    # A container's clock is its host's.
    ! systemd-detect-virt --quiet --container || return 0
    enable_units $unit
    run_unit $unit $file
    wait_for 30 "$unit did not start within 30 s" $unit systemctl is-active --quiet $unit
  elif [ -e $file ]; then
    rm -f /etc/systemd/timesyncd.conf.d/groundwork.conf /etc/chrony/sources.d/groundwork.sources
    systemctl try-restart $unit
    changed "gave $unit its former servers back"
  fi
}

require_claim
exclusively prepare
install_packages
[ "$ROLE" != storage ] || { install_files; metrics; clock; finish; exit 0; }
swap_off
# Directories that are ours as a whole, unless somebody used them before.
for directory in /var/lib/kubelet /var/lib/containerd /etc/cni/net.d /opt/cni /var/lib/cni; do record "$directory"; done
install_files
withdraw
metrics
clock
kernel_settings
[ "$ROLE" != master ] || make_etcd_user
install_artifacts
remove_unused_programs
former_runtime
container_runtime
wait_for 60 "containerd did not start within 60 s" containerd.service ctr version
judge_runtime
wait
finish
