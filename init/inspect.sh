#!/usr/bin/env bash
# inspect: what a machine is that belongs to no cluster yet, as JSON in one line behind a mark. Reads only, decides nothing,
# needs no more than a minimal installation, and takes nothing from other scripts. By hand: ssh root@MACHINE bash < init/inspect.sh
set -uo pipefail
umask 077
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# JSON is put together by hand: the machine has no jq.

# text STRING: a JSON string; what is not printable ASCII becomes a blank.
text() {
  local string=${1//[^ -~]/ }
  string=${string//\\/\\\\}
  printf '"%s"' "${string//\"/\\\"}"
}

# list: a JSON list of the JSON values on standard input, one a line.
list() { printf '[%s]' "$(paste -sd,)"; }

# holds NAME: what lies on a block device, in words; empty when it is blank. Only what is empty to its first MiB is.
holds() {
  local found
  found=$(lsblk --noheadings --raw --output NAME,TYPE,FSTYPE,MOUNTPOINTS "/dev/$1" | awk -v disk="$1" '
    { split($0, field, / /); mounts = field[4]; gsub(/\\x0a/, " ", mounts) }
    $1 == disk && field[3] == "" && mounts == "" { next }
    { printf "%s%s%s%s", (said++ ? ", " : ""), (field[1] == disk ? "" : field[1] " "), (field[3] != "" ? field[3] : mounts != "" ? "a file system" : field[2]), (mounts == "" ? "" : " at " mounts) }')
  [ -n "$found" ] || found=$(wipefs --noheadings --output TYPE "/dev/$1" 2>/dev/null | sort -u | paste -sd' ')
  if [ -n "$found" ]; then
    echo "$found"
  elif compgen -G "/sys/class/block/$1/holders/*" >/dev/null; then
    echo "part of $(cd "/sys/class/block/$1/holders" && echo *)"
  elif ! flock --shared --nonblock "/dev/$1" true; then
    echo "locked by a running program"
  elif ! cmp --quiet --bytes=1048576 "/dev/$1" /dev/zero; then
    echo "data of unknown kind"
  fi
}

# ids NAME: the links of /dev/disk/by-id that lead to it.
ids() {
  local link
  for link in /dev/disk/by-id/*; do
    [ "$(readlink -f "$link")" != "/dev/$1" ] || { text "$link"; echo; }
  done | list
}

# hardware_addresses: of each network interface.
hardware_addresses() {
  local at name pairs=
  for at in /sys/class/net/*/address; do
    name=${at#/sys/class/net/}
    pairs+="${pairs:+,}$(text "${name%/address}"):$(text "$(cat "$at" 2>/dev/null)")"
  done
  printf '{%s}' "$pairs"
}

# disks: those whose device the machine has: a container sees its host's in /sys. What the kernel makes of memory, of other disks
# or of other machines' (zram, zvols, RBD, DRBD, ...) counts as disks to lsblk: only names of hardware are taken.
disks() {
  local name type size removable fixed
  while read -r name type size removable fixed; do
    [ "$type $((size > 0))" = "disk 1" ] || continue
    [ -b "/dev/$name" ] || continue
    case $name in mmcblk*boot* | mmcblk*rpmb) continue ;; sd* | hd* | vd* | xvd* | nvme* | mmcblk* | dasd* | pmem*) ;; *) continue ;; esac
    printf '{"name":"%s","bytes":%d,"removable":%s,"readOnly":%s,"model":%s,"holds":%s,"ids":%s}\n' \
      "$name" "$size" "$([ "$removable" = 1 ] && echo true || echo false)" "$([ "$fixed" = 1 ] && echo true || echo false)" \
      "$(text "$(lsblk --noheadings --nodeps --output MODEL "/dev/$name" | sed 's/  *$//')")" \
      "$(text "$(holds "$name")")" "$(ids "$name")"
  done < <(lsblk --noheadings --raw --nodeps --bytes --output NAME,TYPE,SIZE,RM,RO) | list
}

main() {
  local cluster='' name version
  [ "$(id -u)" = 0 ] || { echo "inspect: the user is not root" >&2; exit 1; }
  [ ! -s /var/lib/cluster-state/lock ] || cluster=$(sed -n 's/^cluster_name=//p' /var/lib/cluster-state/lock)
  # shellcheck disable=SC1091
  name=$(. /etc/os-release && echo "${PRETTY_NAME-}") version=$(. /etc/os-release && echo "$ID ${VERSION_ID-}")
  printf '\ngroundwork-report: {"hostname":%s,"os":%s,"system":%s,"architecture":%s,"cpus":%d,"memoryMiB":%d,"cluster":%s,"interfaces":%s,"macs":%s,"routes":%s,"disks":%s}\n' \
    "$(text "$(cat /proc/sys/kernel/hostname)")" "$(text "$name")" "$(text "$version")" "$(text "$(uname -m)")" "$(nproc)" \
    $(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024)) "$(text "$cluster")" \
    "$(ip -json -4 address show up scope global | tr -d '\n')" "$(hardware_addresses)" "$(ip -json -4 route show | tr -d '\n')" "$(disks)"
}

main </dev/null
