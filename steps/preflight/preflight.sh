#!/usr/bin/env bash
# preflight: whether this machine is fit and free. Writes nothing; reports every finding at once, and prints the machine's
# facts as JSON, behind a mark: only such as last, so that they differ when the machine does. Needs no more than a minimal
# installation.
#
# Needs also: ROLES (space separated: master, worker, ceph-mon, ceph-osd), ARCHITECTURE, MAC_ADDRESSES (space separated,
# may be empty), TIME_SOURCE (URL of a server that knows the time, may be empty), PREFLIGHT_ALLOW (space separated names of
# accepted findings), PROXY (words NAME=VALUE, may be empty).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/lock-lib.sh
. "$(dirname "$0")/../lib/lock-lib.sh"

findings=()
# finding NAME TEXT: something that speaks against this machine, unless the operator accepts it by NAME.
finding() { is_among "$1" "$PREFLIGHT_ALLOW" || findings+=("$1: $2"); }

# is_among WORD WORDS: whether WORD is one of the space separated WORDS.
is_among() { case " $2 " in *" $1 "*) ;; *) return 1 ;; esac; }
runs_kubernetes() { is_among master "$ROLES" || is_among worker "$ROLES"; }

# What a machine must be, whatever it is for.
machine() {
  [ -d /run/systemd/system ] || finding systemd "systemd does not run as the init system"
  case $OS in
    'debian 12' | 'debian 13' | 'ubuntu 22.04' | 'ubuntu 24.04') ;;
    *) finding os "$OS is not supported; supported are Debian 12 and 13, Ubuntu 22.04 and 24.04" ;;
  esac
  case $(uname -m) in
    x86_64) [ "$ARCHITECTURE" = amd64 ] || finding architecture "the machine is amd64, the file says $ARCHITECTURE" ;;
    aarch64) [ "$ARCHITECTURE" = arm64 ] || finding architecture "the machine is arm64, the file says $ARCHITECTURE" ;;
    *) finding architecture "$(uname -m) is not supported" ;;
  esac
  ip -o addr show to "$NODE_IP" | grep -q . || finding ip "no interface of the machine carries $NODE_IP"
  local mac seen=
  for mac in $MAC_ADDRESSES; do
    if grep -qix "$mac" /sys/class/net/*/address; then seen=$mac; fi
  done
  [ -z "$MAC_ADDRESSES" ] || [ -n "$seen" ] ||
    finding mac "none of the declared MAC addresses ($MAC_ADDRESSES) is on the machine, which has: $(cat /sys/class/net/*/address | sort -u | tr '\n' ' ')"
  [ -n "$MACHINE_ID" ] || finding machine-id "/etc/machine-id holds no id; 'systemd-machine-id-setup' makes one"
}

# clock: compared with the server the machine downloads from. Its answer is good to a second and took some time to
# come: only what is proven beyond that counts.
clock() {
  local before after answer date server low high
  [ -n "$TIME_SOURCE" ] || return 0
  before=$(date +%s%3N)
  answer=$(headers "$TIME_SOURCE" 2>&1 | tr -d '\r') || true
  after=$(date +%s%3N)
  if grep -q 'not yet valid' <<<"$answer"; then
    finding clock "it lags: it says $(date -u +%FT%TZ), when the certificate of $TIME_SOURCE is not yet valid"
  fi
  # What a cache kept is no clock.
  if grep -qiE '^ *age: *[1-9]' <<<"$answer"; then return 0; fi
  date=$(sed -n 's/^ *date: *//Ip' <<<"$answer" | tail -1)
  [ -n "$date" ] && server=$(date -d "$date" +%s 2>/dev/null) || return 0
  low=$((server * 1000 - after)) high=$((server * 1000 + 999 - before))
  if [ "$low" -gt 2000 ]; then
    finding clock "it lags by $((low / 1000)) s or more: it says $(date -u +%FT%TZ), $TIME_SOURCE says $(date -u -d "@$server" +%FT%TZ)"
  elif [ "$high" -lt -2000 ]; then
    finding clock "it is ahead by $((-high / 1000)) s or more: it says $(date -u +%FT%TZ), $TIME_SOURCE says $(date -u -d "@$server" +%FT%TZ)"
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
  [ "$CGROUP" = v2 ] || finding cgroup-v1 "the machine uses cgroup v1, which Kubernetes no longer supports in production"
  [ "$(printf '%s\n5.13\n' "$(uname -r | cut -d- -f1)" | sort -V | head -1)" = 5.13 ] || finding kernel "kernel $(uname -r) is older than 5.13, which kube-proxy needs in nftables mode"
  is_among master "$ROLES" && memory=1700 cpus=2
  [ "$MEMORY" -ge "$memory" ] || finding memory "$MEMORY MiB of memory; $ROLES needs $memory"
  [ "$(nproc)" -ge "$cpus" ] || finding cpu "$(nproc) CPU; $ROLES needs $cpus"
  [ "$(wc -l </proc/swaps)" -le 1 ] || finding swap "swap is on: $(tail -n +2 /proc/swaps | cut -d' ' -f1 | tr '\n' ' ')"
}

# What must be free before the first installation; afterwards it is in use, by us.
free_to_use() {
  local port
  disk_space
  for port in $(ports); do
    if ss -Hltn "sport = :$port" | grep -q .; then
      finding port "port $port is in use by $(ss -Hltnp "sport = :$port" | sed -n 's/.*users:(("\([^"]*\)".*/\1/p' | head -1)"
    fi
  done
  runs_kubernetes || return 0
  if compgen -G '/etc/kubernetes/manifests/*' >/dev/null || compgen -G '/var/lib/etcd/member/*' >/dev/null || [ -e /etc/kubernetes/kubelet.conf ]; then
    finding foreign-cluster "another installation of Kubernetes left its files in /etc/kubernetes or /var/lib/etcd; reset it with the tool that made it"
  fi
}

ports() {
  ! runs_kubernetes || echo 6443 10250 10256
  ! is_among master "$ROLES" || echo 2379 2380 10257 10259
  ! is_among ceph-mon "$ROLES" || echo 3300 6789
}

# space: folders that grow, and how many MiB each needs at the start.
space() {
  echo /usr 512
  ! runs_kubernetes || printf '%s\n' '/var/lib/groundwork 1024' '/var/lib/containerd 1536' '/var/lib/kubelet 512'
  ! is_among master "$ROLES" || echo /var/lib/etcd 1024
  ! is_among ceph-mon "$ROLES" || echo /var/lib/ceph 1024
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
      finding disk "${free[$mount]} MiB free on $mount; ${needed[$mount]} are needed, for${folders[$mount]}"
  done
}

report() {
  [ ${#findings[@]} -gt 0 ] || return 0
  die "the machine is not fit:$(printf '\n    - %s' "${findings[@]}")" \
    "mend each point; what is on purpose may be accepted by its name in cluster.preflight.allow"
}

facts() {
  local mac uuid=
  mac=$(cat "/sys/class/net/$(ip -o addr show to "$NODE_IP" | awk 'NR == 1 { print $2 }')/address" 2>/dev/null) || mac=
  # A container shows its host's.
  systemd-detect-virt --quiet --container || uuid=$(tr '[:upper:]' '[:lower:]' 2>/dev/null </sys/class/dmi/id/product_uuid) || true
  [[ $mac =~ ^[0-9a-f]{2}(:[0-9a-f]{2})+$ ]] || mac=
  [[ $uuid =~ ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$ ]] || uuid=
  # On a line of its own, whatever the login shell has printed.
  printf '\ngroundwork-report: {"os":"%s","kernel":"%s","architecture":"%s","cpus":%d,"memoryMiB":%d,"machineId":"%s","macAddress":"%s","productUuid":"%s","cgroup":"%s"}\n' \
    "$OS" "$(uname -r)" "$ARCHITECTURE" "$(nproc)" "$MEMORY" "$MACHINE_ID" "$mac" "$uuid" "$CGROUP"
}

[ "$(id -u)" = 0 ] || die "the SSH user is not root and has no password-less sudo" "give it sudo rights without password, or set ssh.user"
check_lock || true
# shellcheck source=/dev/null
OS=$(. /etc/os-release && echo "$ID ${VERSION_ID-}")
OS=${OS//[^a-zA-Z0-9._ -]/}
MACHINE_ID=$(grep -xE '[0-9a-f]{32}' /etc/machine-id 2>/dev/null) || MACHINE_ID=
CGROUP=$([ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] && echo v2 || echo v1)
MEMORY=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))

machine
clock
! runs_kubernetes || kubernetes
[ -e "$STATE/lock" ] || free_to_use
report
facts
