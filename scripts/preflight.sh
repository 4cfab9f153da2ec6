#!/usr/bin/env bash
# preflight: whether this machine is fit and free. Writes nothing; reports every finding at once, and prints the machine's
# facts as JSON: only such as last, so that they differ when the machine does.
#
# Needs also: ROLE (master | worker | storage), ARCHITECTURE, MAC_ADDRESSES (space separated, may be empty),
# PREFLIGHT_ALLOW (space separated names of accepted findings).
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=lock-lib.sh
. "$(dirname "$0")/lock-lib.sh"

findings=()
# finding NAME TEXT: something that speaks against this machine, unless the operator accepts it by NAME.
finding() {
  case " $PREFLIGHT_ALLOW " in *" $1 "*) return 0 ;; esac
  findings+=("$1: $2")
}

memory_mib() { awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo; }

preflight() {
  local os port ports memory free
  [ "$(id -u)" = 0 ] || die "the SSH user is not root and has no password-less sudo" "give it sudo rights without password, or set ssh.user"
  [ -d /run/systemd/system ] || finding systemd "systemd does not run as the init system"
  # shellcheck source=/dev/null
  os=$(. /etc/os-release && echo "$ID $VERSION_ID")
  case $os in
    'debian 12' | 'debian 13' | 'ubuntu 22.04' | 'ubuntu 24.04') ;;
    *) finding os "$os is not supported; supported are Debian 12 and 13, Ubuntu 22.04 and 24.04" ;;
  esac
  case $(uname -m) in
    x86_64) [ "$ARCHITECTURE" = amd64 ] || finding architecture "the machine is amd64, the file says $ARCHITECTURE" ;;
    aarch64) [ "$ARCHITECTURE" = arm64 ] || finding architecture "the machine is arm64, the file says $ARCHITECTURE" ;;
    *) finding architecture "$(uname -m) is not supported" ;;
  esac
  ip -o addr show to "$NODE_IP" | grep -q . || finding ip "no interface of the machine carries $NODE_IP"
  if [ -n "$MAC_ADDRESSES" ]; then
    local mac seen=
    for mac in $MAC_ADDRESSES; do
      if grep -qix "$mac" /sys/class/net/*/address; then seen=$mac; fi
    done
    [ -n "$seen" ] || finding mac "none of the declared MAC addresses ($MAC_ADDRESSES) is on the machine, which has: $(cat /sys/class/net/*/address | sort -u | tr '\n' ' ')"
  fi
  [ -s /etc/machine-id ] || finding machine-id "/etc/machine-id is empty"
  [ "$ROLE" != storage ] || { report_findings; return 0; }

  [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || finding cgroup-v1 "the machine uses cgroup v1, which Kubernetes no longer supports in production"
  [ "$(printf '%s\n5.13\n' "$(uname -r | cut -d- -f1)" | sort -V | head -1)" = 5.13 ] || finding kernel "kernel $(uname -r) is older than 5.13, which kube-proxy needs in nftables mode"
  memory=$(memory_mib)
  if [ "$ROLE" = master ]; then
    [ "$memory" -ge 1700 ] || finding memory "$memory MiB of memory; a master needs 1700"
    [ "$(nproc)" -ge 2 ] || finding cpu "$(nproc) CPU; a master needs 2"
  else
    [ "$memory" -ge 1000 ] || finding memory "$memory MiB of memory; a worker needs 1000"
  fi
  [ "$(wc -l </proc/swaps)" -le 1 ] || finding swap "swap is on: $(tail -n +2 /proc/swaps | cut -d' ' -f1 | tr '\n' ' ')"
  free=$(df --output=avail -m /var/lib | tail -1)
  [ "$free" -ge 4096 ] || finding disk "$((free)) MiB free under /var/lib; 4096 are needed"

  if [ ! -e "$STATE/lock" ]; then
    ports='10250 10256'
    [ "$ROLE" = master ] && ports="$ports 6443 2379 2380 10257 10259"
    [ "$ROLE" = worker ] && ports="$ports 6443"
    for port in $ports; do
      if ss -Hltn "sport = :$port" | grep -q .; then
        finding port "port $port is in use by $(ss -Hltnp "sport = :$port" | sed -n 's/.*users:(("\([^"]*\)".*/\1/p' | head -1)"
      fi
    done
    if compgen -G '/etc/kubernetes/manifests/*' >/dev/null || compgen -G '/var/lib/etcd/member/*' >/dev/null || [ -e /etc/kubernetes/kubelet.conf ]; then
      finding foreign-cluster "another installation of Kubernetes left its files in /etc/kubernetes or /var/lib/etcd; reset it with the tool that made it"
    fi
  fi
  report_findings
}

report_findings() {
  [ ${#findings[@]} -eq 0 ] && return 0
  local text
  text=$(printf '\n    - %s' "${findings[@]}")
  die "the machine is not fit:$text" "mend each point; what is on purpose may be accepted by its name in cluster.preflight.allow"
}

# Without jq, which a bare machine does not have yet.
facts() {
  local os
  # shellcheck source=/dev/null
  os=$(. /etc/os-release && echo "$ID $VERSION_ID")
  printf '{"os":"%s","kernel":"%s","architecture":"%s","cpus":%d,"memoryMiB":%d,"machineId":"%s","cgroup":"%s"}\n' \
    "$os" "$(uname -r)" "$ARCHITECTURE" "$(nproc)" "$(memory_mib)" "$(cat /etc/machine-id)" \
    "$([ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] && echo v2 || echo v1)"
}

check_lock || true
preflight
facts
