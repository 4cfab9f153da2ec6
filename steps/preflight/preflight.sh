#!/usr/bin/env bash
# preflight: whether this machine is fit and free. Writes nothing; reports every finding at once, and prints the machine's
# facts as JSON, behind a mark: only such as last, so that they differ when the machine does. Needs no more than a minimal
# installation.
#
# Needs also: ROLES (space separated: master, worker, ceph-mon, ceph-osd), ARCHITECTURE, MAC_ADDRESSES (space separated,
# may be empty), TIME_SOURCE (URL of a server that knows the time, may be empty), PREFLIGHT_ALLOW (space separated names of
# accepted findings), PACKAGES MODULES (space separated: what the machine will get, and its kernel must have),
# SYSCTLS (words KEY=VALUE: what its kernel will be set to), PROXY (words NAME=VALUE, may be empty),
# PROXY_MODE (of kube-proxy), of the network plugin CNI_FILE (its configuration; empty: it comes later) and REACHED (what of it others
# must reach, in words, may be empty), NETWORK_LINKS FOREIGN_LINKS (space separated patterns: what it makes, and what others'
# make), NETWORK_TABLES NETWORK_CHAINS (what any plugin makes, | between them), POD_CIDR and SERVICE_CIDR.
# With ANSWER=json it prints what it found as JSON, too, and succeeds; CLUSTER_ID may be empty then.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/lock-lib.sh
. "$(dirname "$0")/../lib/lock-lib.sh"
# shellcheck source=../lib/links-lib.sh
. "$(dirname "$0")/../lib/links-lib.sh"
# shellcheck source=../lib/routes-lib.sh
. "$(dirname "$0")/../lib/routes-lib.sh"
# shellcheck source=../lib/guards-lib.sh
. "$(dirname "$0")/../lib/guards-lib.sh"
# shellcheck source=../lib/leftovers-lib.sh
. "$(dirname "$0")/../lib/leftovers-lib.sh"

names=() texts=() remedies=()
# finding NAME TEXT REMEDY: something that speaks against this machine, unless the operator accepts it by NAME.
finding() { is_among "$1" "$PREFLIGHT_ALLOW" || conflict "$@"; }
# conflict NAME TEXT REMEDY: the same, which nobody can accept.
conflict() { names+=("$1") texts+=("$2") remedies+=("$3"); }

# is_among WORD WORDS: whether WORD is one of the space separated WORDS.
is_among() { case " $2 " in *" $1 "*) ;; *) return 1 ;; esac; }
runs_kubernetes() { is_among master "$ROLES" || is_among worker "$ROLES"; }

# look_at_lock: notes whether a cluster has taken the machine; where it is another one, there is nothing more to be looked at.
look_at_lock() {
  if [ -z "${ANSWER-}" ]; then
    ! check_lock || taken=true
  elif [ -e "$STATE/lock" ]; then
    if lock_trouble; then conflict lock "$TROUBLE" "$REMEDY"; fi
    taken=true
  fi
}

# What a machine must be, whatever it is for.
machine() {
  [ -d /run/systemd/system ] || finding systemd "systemd does not run as the init system" "install a system that systemd boots"
  case $OS in
    'debian 12' | 'debian 13' | 'ubuntu 22.04' | 'ubuntu 24.04') ;;
    *) finding os "$OS is not supported; supported are Debian 12 and 13, Ubuntu 22.04 and 24.04" "install one of these" ;;
  esac
  case $(uname -m) in
    x86_64) [ "$ARCHITECTURE" = amd64 ] || finding architecture "the machine is amd64, the file says $ARCHITECTURE" "correct its architecture in the file" ;;
    aarch64) [ "$ARCHITECTURE" = arm64 ] || finding architecture "the machine is arm64, the file says $ARCHITECTURE" "correct its architecture in the file" ;;
    *) finding architecture "$(uname -m) is not supported" "take a machine that is amd64 or arm64" ;;
  esac
  ip -o addr show to "$NODE_IP" | grep -q . || finding ip "no interface of the machine carries $NODE_IP" "correct its ip in the file: the address by which the other nodes reach it; or give the machine that address"
  local mac seen=
  for mac in $MAC_ADDRESSES; do
    if grep -qix "$mac" /sys/class/net/*/address; then seen=$mac; fi
  done
  [ -z "$MAC_ADDRESSES" ] || [ -n "$seen" ] ||
    finding mac "none of the declared MAC addresses ($MAC_ADDRESSES) is on the machine, which has: $(cat /sys/class/net/*/address | sort -u | tr '\n' ' ')" "see whether ip or ssh.host lead to another machine, or correct hardware.mac_addresses"
  [ -n "$MACHINE_ID" ] || finding machine-id "/etc/machine-id holds no id" "run 'systemd-machine-id-setup'"
}

# clock: compared with the server the machine downloads from. Its answer is good to a second and took some time to
# come: only what is proven beyond that counts.
clock() {
  local before after answer date server low high keep_time="install and start chrony or systemd-timesyncd, with servers it reaches"
  [ -n "$TIME_SOURCE" ] || return 0
  before=$(date +%s%3N)
  answer=$(headers "$TIME_SOURCE" 2>&1 | tr -d '\r') || true
  after=$(date +%s%3N)
  if grep -q 'not yet valid' <<<"$answer"; then
    finding clock "it lags: it says $(date -u +%FT%TZ), when the certificate of $TIME_SOURCE is not yet valid" "$keep_time"
  fi
  # What a cache kept is no clock.
  if grep -qiE '^ *age: *[1-9]' <<<"$answer"; then return 0; fi
  date=$(sed -n 's/^ *date: *//Ip' <<<"$answer" | tail -1)
  [ -n "$date" ] && server=$(date -d "$date" +%s 2>/dev/null) || return 0
  low=$((server * 1000 - after)) high=$((server * 1000 + 999 - before))
  if [ "$low" -gt 2000 ]; then
    finding clock "it lags by $((low / 1000)) s or more: it says $(date -u +%FT%TZ), $TIME_SOURCE says $(date -u -d "@$server" +%FT%TZ)" "$keep_time"
  elif [ "$high" -lt -2000 ]; then
    finding clock "it is ahead by $((-high / 1000)) s or more: it says $(date -u +%FT%TZ), $TIME_SOURCE says $(date -u -d "@$server" +%FT%TZ)" "$keep_time"
  fi
}

# headers URL: what the server answers, with whichever program the machine has.
headers() {
  if command -v curl >/dev/null; then
    outward curl --silent --show-error --head --proto '=http,https' --max-time 10 "$1"
  else
    outward wget --quiet --server-response --spider --tries=1 --timeout=10 "$1"
  fi
}

# What Kubernetes asks for.
kubernetes() {
  local memory=1000 cpus=1
  [ "$CGROUP" = v2 ] || finding cgroup-v1 "the machine uses cgroup v1, which Kubernetes no longer supports in production" "boot it with systemd.unified_cgroup_hierarchy=1"
  [ "$PROXY_MODE" != nftables ] || [ "$(printf '%s\n5.13\n' "$(uname -r | cut -d- -f1)" | sort -V | head -1)" = 5.13 ] || finding kernel "kernel $(uname -r) is older than 5.13, which kube-proxy needs in nftables mode" "install a newer kernel, and reboot; or give cluster.kubernetes.kube_proxy.mode: iptables"
  is_among master "$ROLES" && memory=1700 cpus=2
  [ "$MEMORY" -ge "$memory" ] || finding memory "$MEMORY MiB of memory; $ROLES needs $memory" "give it more, or another role"
  [ "$(nproc)" -ge "$cpus" ] || finding cpu "$(nproc) CPU; $ROLES needs $cpus" "give it more, or another role"
  [ "$(wc -l </proc/swaps)" -le 1 ] || finding swap "swap is on: $(tail -n +2 /proc/swaps | cut -d' ' -f1 | tr '\n' ' ')" "put swap into cluster.preflight.fix, and it is switched off for as long as the machine is a node"
}

# What must be free before the first installation; afterwards it is in use, by us.
free_to_use() {
  local port
  disk_space
  for port in $(ports); do
    if ss -Hltn "sport = :$port" | grep -q .; then
      finding port "port $port is in use by $(ss -Hltnp "sport = :$port" | sed -n 's/.*users:(("\([^"]*\)".*/\1/p' | head -1)" "stop what uses it"
    fi
  done
  package_conflict
  file_systems
  firewall
  proxy
  localhost
  cloud_init
  [[ $ROLES != *ceph-* ]] || foreign_ceph
  runs_kubernetes || return 0
  foreign_cluster
  container_runtime
  cni_config
  network_links
  network_routes
  network_rules
  pod_mounts
  kernel_modules
  limits
  sysctls
  resolver
}

ports() {
  ! runs_kubernetes || echo 6443 10250 10256
  ! is_among master "$ROLES" || echo 2379 2380 10257 10259
  ! is_among ceph-mon "$ROLES" || echo 3300 6789
}

# space: folders that grow, and how many MiB each needs at the start.
space() {
  echo /usr 512
  if runs_kubernetes; then
    printf '%s\n' '/var/lib/groundwork 1024' '/var/lib/containerd 1536' '/var/lib/kubelet 512'
  else
    echo /var/lib/groundwork 64
  fi
  ! is_among master "$ROLES" || echo /var/lib/etcd 1024
  if is_among ceph-mon "$ROLES"; then echo /var/lib/ceph 1024; elif is_among ceph-osd "$ROLES"; then echo /var/lib/ceph 64; fi
}

# disk_space: what folders of one file system need adds up.
disk_space() {
  local folder need at available mount
  local -A needed=() free=() folders=()
  while read -r folder need; do
    at=$folder
    while [ ! -d "$at" ]; do at=${at%/*} at=${at:-/}; done
    read -r available mount < <(df --output=avail,target -m "$at" | tail -1)
    needed[$mount]=$((${needed[$mount]:-0} + need))
    folders[$mount]+=" $folder"
    free[$mount]=$available
  done < <(space)
  for mount in "${!needed[@]}"; do
    [ "${free[$mount]}" -ge "${needed[$mount]}" ] ||
      finding disk "${free[$mount]} MiB free on $mount; ${needed[$mount]} are needed, for${folders[$mount]}" "make room, or give these folders a larger file system"
  done
}

report() {
  local i said=''
  [ ${#names[@]} -gt 0 ] || return 0
  for i in "${!names[@]}"; do said+=$'\n'"    - ${names[i]}: ${texts[i]}"$'\n'"      remedy: ${remedies[i]}"; done
  die "the machine is not fit:$said" "mend each point; what is on purpose may be accepted by its name in cluster.preflight.allow"
}

# string TEXT: as JSON has it; what is not printable ASCII becomes a blank.
string() {
  local text=${1:0:1900}
  text=${text//[^ -~]/ }
  text=${text//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

# answer: what was found, and the facts, behind the mark.
answer() {
  local i found=''
  for i in "${!names[@]}"; do
    found+="${found:+,}{\"name\":$(string "${names[i]}"),\"text\":$(string "${texts[i]}"),\"remedy\":$(string "${remedies[i]}")}"
  done
  printf '\ngroundwork-report: {"taken":%s,"findings":[%s],"facts":%s}\n' "$taken" "$found" "$(facts)"
}

# facts: the machine's, as JSON.
facts() {
  local mac uuid=
  mac=$(cat "/sys/class/net/$(ip -o addr show to "$NODE_IP" | awk 'NR == 1 { print $2 }')/address" 2>/dev/null) || mac=
  # A container shows its host's.
  systemd-detect-virt --quiet --container || uuid=$(tr '[:upper:]' '[:lower:]' 2>/dev/null </sys/class/dmi/id/product_uuid) || true
  [[ $mac =~ ^[0-9a-f]{2}(:[0-9a-f]{2})+$ ]] || mac=
  [[ $uuid =~ ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$ ]] || uuid=
  printf '{"os":"%s","kernel":"%s","architecture":"%s","cpus":%d,"memoryMiB":%d,"machineId":"%s","macAddress":"%s","productUuid":"%s","cgroup":"%s"}\n' \
    "$OS" "$(uname -r)" "$ARCHITECTURE" "$(nproc)" "$MEMORY" "$MACHINE_ID" "$mac" "$uuid" "$CGROUP"
}

[ "$(id -u)" = 0 ] || die "the SSH user is not root and has no password-less sudo" "give it sudo rights without password, or set ssh.user"
taken=false
look_at_lock
# shellcheck source=/dev/null
OS=$(. /etc/os-release && echo "$ID ${VERSION_ID-}")
OS=${OS//[^a-zA-Z0-9._ -]/}
MACHINE_ID=$(grep -xE '[0-9a-f]{32}' /etc/machine-id 2>/dev/null) || MACHINE_ID=
CGROUP=$([ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] && echo v2 || echo v1)
MEMORY=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))

machine
clock
! runs_kubernetes || kubernetes
if [ "$taken" = false ]; then
  free_to_use
  # Another cluster that has taken the machine meanwhile is why it is not free, and not what it has put here.
  look_at_lock
fi
if [ -n "${ANSWER-}" ]; then
  answer
else
  report
  # On a line of its own, whatever the login shell has printed.
  printf '\ngroundwork-report: %s\n' "$(facts)"
fi
