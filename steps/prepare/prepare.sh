#!/usr/bin/env bash
# prepare: operating system settings, packages, programs by SHA-256 and the container runtime. Starts nothing of Kubernetes, and
# switches nothing: a version of it lies beside the others, until the step that runs its unit names it.
#
# Needs also: ROLE, FIX (space separated findings of preflight to mend: swap), NTP_SERVERS (space separated, may be empty),
# PACKAGES (space separated), ARTIFACTS (lines of: sha256, URL, path[=member of the .tar.gz] ...),
# PROXY (words NAME=VALUE, may be empty), install_files, a function that puts the rendered files in place, and, where somebody
# logs in to a registry, registry_logins, the text that containerd reads of it.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/programs-lib.sh
. "$(dirname "$0")/../lib/programs-lib.sh"
# shellcheck source=../lib/packages-lib.sh
. "$(dirname "$0")/../lib/packages-lib.sh"

CONTAINERD=/etc/containerd/config.toml
# By which proxy containerd gets images.
PROXY_UNIT=/etc/systemd/system/containerd.service.d/groundwork-proxy.conf

install_packages() {
  local package installed missing=()
  # Two programs that set the clock do not go together.
  [ -z "$NTP_SERVERS" ] || command -v chronyd >/dev/null || PACKAGES+=" systemd-timesyncd"
  # shellcheck disable=SC2016,SC2086 # dpkg-query expands it; a list
  installed=$(dpkg-query --showformat='${Package} ${db:Status-Abbrev}\n' --show $PACKAGES 2>/dev/null || true)
  for package in $PACKAGES; do
    [[ $'\n'$installed$'\n' == *$'\n'"$package ii "$'\n'* ]] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  hold_services
  printf '%s\n' "${missing[@]}" >>"$STATE/packages"
  if ! { packages update && packages install --no-install-recommends --no-remove "${missing[@]}"; }; then
    release_services
    ! grep -q 'remove is disabled' "$RUN/apt.log" ||
      die "apt would remove $(sed -n '/will be REMOVED/,/^[^ ]/ { s/^ \+//p }' "$RUN/apt.log" | paste -sd ' ') to install ${missing[*]}" "remove them yourself where nobody needs them, or take another machine; nothing was installed"
    die "apt could not install ${missing[*]}: $(grep -m3 -E '^(E|dpkg: error):?' "$RUN/apt.log" | tr '\n' ' ')" "check the machine's package sources; the whole output is in $RUN/apt.log"
  fi
  release_services
  changed "installed ${missing[*]}"
}

# sha256_of FILE: by openssl, which uses what the processor has for it: Debian's sha256sum takes four times as long.
sha256_of() { openssl dgst -sha256 -r "$1" | cut -d' ' -f1; }

# has SHA256 URL: whether the store has that file. After a power cut the name may be there without the data.
has() {
  [ -e "$STORE/$1" ] || return 1
  [ "$(sha256_of "$STORE/$1")" != "$1" ] || return 0
  rm -rf "${STORE:?}/$1" "$STORE/$1.d"
  changed "threw away what was left of $2"
  return 1
}

# download SHA256 URL ...: the files, each under its own hash in the store. One curl for all: it reads the authorities once
# and keeps its connections. It prints the number of each URL it is done with, be it that it failed there.
download() {
  local i numbers came got urls=() sums=() gets=()
  while [ $# -gt 0 ]; do
    sums+=("$1") urls+=("$2") gets+=(--output "$STORE/.part.$1" "$2")
    shift 2
  done
  rm -f "$STORE"/.part.* # of a run that was killed
  came=${#urls[@]}
  numbers=$(outward curl --fail --fail-early --silent --show-error --location --proto '=http,https' --retry 3 --connect-timeout 10 \
    --write-out '%{urlnum}\n' "${gets[@]}" 2>"$RUN/curl.err") || came=$(tail -n 1 <<<"${numbers:-0}")
  for ((i = 0; i < came; i++)); do
    got=$(sha256_of "$STORE/.part.${sums[i]}")
    if [ "$got" != "${sums[i]}" ]; then
      rm -f "$STORE"/.part.*
      die "${urls[i]} is not what was asked for: its SHA-256 is $got, the file says ${sums[i]}" "repair the mirror, or cluster.artifacts.sha256 if the file there is right; nothing was installed"
    fi
    mv "$STORE/.part.${sums[i]}" "$STORE/${sums[i]}"
    sync "$STORE/${sums[i]}" & # goes on while others are verified; the step waits for all of them
  done
  if [ "$came" -lt ${#urls[@]} ]; then
    rm -f "$STORE"/.part.*
    die "could not download ${urls[came]}: $(cat "$RUN/curl.err")" \
      "check that the machine reaches it${PROXY:+ by cluster.proxy} (or name a mirror in cluster.artifacts.base_url) and has room for it: $(room "$STORE")"
  fi
}

# place SOURCE PATH: SOURCE is installed at PATH as a program.
place() {
  if [ ! -e "$2" ] || [ ! "$1" -ef "$2" ]; then
    record "$2"
    ln -f "$1" "$2.new" 2>/dev/null || cp "$1" "$2.new"
    chmod 0755 "$2.new"
    # Services compare this time with their own start; an archive, or a version that was here before, has an older one.
    [ ! -e "$2" ] || touch "$2.new"
    mv -f "$2.new" "$2"
    changed "installed $2"
  fi
}

# as_unpacked ARCHIVE MEMBER...: what was unpacked before is still as it is in the archive, whose hash is known: members have none.
as_unpacked() {
  local archive=$1 member same=1
  shift
  [ -d "$archive.d" ] || return 1
  for member in "$@"; do
    tar -xzOf "$archive" "$member" | cmp -s - "$archive.d/$member" || { same='' && changed "$member was not as its archive has it"; }
  done
  [ -n "$same" ]
}

# unpack ARCHIVE INSTALLS: the members that are to be installed.
unpack() {
  local install members=()
  for install in $2; do members+=("${install#*=}"); done
  ! as_unpacked "$1" "${members[@]}" || return 0
  rm -rf "$1.part"
  install -d -m 0755 "$1.part"
  tar -xzf "$1" -C "$1.part" --no-same-owner "${members[@]}"
  find "$1.part" -type f -exec sync {} +
  rm -rf "$1.d"
  mv "$1.part" "$1.d"
}

# require_idle SHA256 SOURCE PATH: no program of Kubernetes is replaced under a service that runs it, unless it is no longer
# what an earlier run put there: then the same comes back.
require_idle() {
  local unit=${3##*/}.service
  case $unit in kube*) ;; *) return 0 ;; esac
  ! grep -qxF "$1 $3" "$STORE/.placed" 2>/dev/null || return 0
  [ -e "$3" ] && ! [ "$2" -ef "$3" ] && ! cmp -s "$2" "$3" && systemctl is-active --quiet "$unit" || return 0
  die "$3 runs here, and the file asks for another of the same version" \
    "set its checksum in cluster.artifacts.sha256 to that of what runs, or cluster.kubernetes.version to another version, and run 'pulumi up' again; no program was replaced"
}

install_artifacts() {
  local sha256 url installs install sums=() sources=() paths=() i missing=() placed=''
  [ -n "$ARTIFACTS" ] || return 0
  install -d -m 0755 /var/lib/groundwork "$STORE"
  # Every download is verified before the first program is put in place, once where several URLs lead to the same.
  while read -r sha256 url _; do
    has "$sha256" "$url" || missing+=("$sha256" "$url")
  done < <(awk '!seen[$1]++' <<<"$ARTIFACTS")
  [ ${#missing[@]} -eq 0 ] || download "${missing[@]}"
  while read -r sha256 url installs; do
    if [[ $installs == *=* ]]; then unpack "$STORE/$sha256" "$installs"; fi
    for install in $installs; do
      sums+=("$sha256") paths+=("${install%%=*}")
      case $install in
        *=*) sources+=("$STORE/$sha256.d/${install#*=}") ;;
        *) sources+=("$STORE/$sha256") ;;
      esac
    done
  done <<<"$ARTIFACTS"
  for i in "${!paths[@]}"; do require_idle "${sums[i]}" "${sources[i]}" "${paths[i]}"; done
  for i in "${!paths[@]}"; do
    place "${sources[i]}" "${paths[i]}"
    placed+="${sums[i]} ${paths[i]}"$'\n'
  done
  [ "$placed" != "$(cat "$STORE/.placed" 2>/dev/null)"$'\n' ] || return 0
  printf %s "$placed" >"$STORE/.placed.new"
  mv "$STORE/.placed.new" "$STORE/.placed"
}

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

# containerd's drop-ins replace whole plugin sections, so that what depends on the machine is filled in here.
container_runtime() {
  local systemd_cgroup=false restrict=false
  [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] && systemd_cgroup=true
  # Machines that are containers may lack CAP_SYS_RESOURCE; there runc fails to start any pod that lowers its oom_score_adj.
  choom -n -1 -- true 2>/dev/null || restrict=true
  {
    sed "s/@systemd_cgroup@/$systemd_cgroup/; s/@restrict_oom_score_adj@/$restrict/" /var/lib/groundwork/containerd.toml
    ! declare -F registry_logins >/dev/null || registry_logins
  } | file "$CONTAINERD" 0600 root:root
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
if [ "$ROLE" = master ] && ! getent passwd etcd >/dev/null; then
  useradd --system --home-dir /var/lib/etcd --no-create-home --shell /usr/sbin/nologin etcd
  echo etcd >>"$STATE/users"
  changed "made user etcd"
fi
install_artifacts
remove_unused_programs
container_runtime
wait_for 60 "containerd did not start within 60 s" containerd.service ctr version
wait
finish
