# shellcheck shell=bash
# What the lab's commands share: where things are, and how they fail.

lab_source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=${lab_source%/*}
# Everything a running lab writes; safe to delete once the lab is down.
lab=$repo/.lab
# The bridge on this machine that all lab machines are plugged into, and this machine's address on it.
bridge=groundwork0
gateway=10.77.0.1

export lab_source repo lab bridge gateway

# die MESSAGE [HINT]: ends the command, naming it.
die() {
  echo "${0##*/}: $1${2:+ ($2)}" >&2
  exit 1
}

require_root() {
  [ "$(id -u)" = 0 ] || die "must run as root" "the lab boots machines and makes network interfaces"
}

# address_of NODE: its address, from the table that nodes.sh wrote.
address_of() {
  local address
  address=$(awk -v name="$1" '$1 == name { print $2 }' "$lab/machines" 2>/dev/null) || true
  [ -n "$address" ] || die "no machine is named '$1'" "known: $(cut -d' ' -f1 "$lab/machines" 2>/dev/null | paste -sd' '); add it to the cluster file and run 'lab/nodes.sh up'"
  echo "$address"
}

# system_of NODE: the Debian that it is installed with, as nodes.sh noted it.
system_of() {
  { cat "$lab/systems" 2>/dev/null || true; echo "* trixie"; } | awk -v name="$1" '($1 == name || $1 == "*") && !found++ { print $2 }'
}

# running NODE: whether its supervisor (lab/machine) lives. It holds the lock as long as it does.
running() {
  [ -e "$lab/nodes/$1/lock" ] && ! flock --shared --nonblock "$lab/nodes/$1/lock" true
}

is_off() { ! running "$1"; }

# wait_until SECONDS COMMAND...: polls; fails when the time is over.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# leader_of NODE: process id, on this machine, of the lab machine's init; empty while it is down.
leader_of() {
  local supervisor nspawn
  running "$1" || return 0
  read -r supervisor <"$lab/nodes/$1/pid" || return 0
  nspawn=$(pgrep -P "$supervisor" -x systemd-nspawn) || return 0
  pgrep -P "$nspawn" -x 'systemd|init' || true
}
