#!/usr/bin/env bash
# ceph-host: what every machine of the Ceph cluster has, whatever runs on it: configuration and folders.
# Starts nothing. Refuses a machine that carries another Ceph cluster.
#
# Needs also: FSID, MONITORS (names of all monitors, space separated), BAD_VERSIONS (lines of: the first, the first that is mended, why; empty:
# all are accepted), and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

# require_majority: where monitors are to leave, those that stay are enough among themselves. Asked before anything of the
# cluster changes, of the monitor that runs on this machine, if one does. While they elect a leader none is in the quorum.
require_majority() {
  local leaving='' staying=0 alive=0
  poll 30 "" majority_stays ||
    die "the file takes the role ceph-mon from $leaving; of the monitors there are now $staying would stay, of which $alive are in the quorum: no majority" "nothing was changed. Give the role back, run 'pulumi up' until new monitors have joined and all of them run ('ceph -s'), and take it away then, one after the other"
}
majority_stays() {
  local status
  status=$(asok "mon.$NODE" mon_status 2>/dev/null) || return 0
  read -r leaving staying < <(jq -r --arg planned "$MONITORS" '
    .monmap.mons | map(.stays = (.name | IN($planned | split(" ")[]))) |
    "\(map(select(.stays | not).name) | join(",") | if . == "" then "-" else . end) \(map(select(.stays)) | length)"' <<<"$status")
  [ "$leaving" != - ] || return 0
  alive=$(quorum_of "$status" | grep -cxFf <(tr ' ' '\n' <<<"$MONITORS")) || true
  [ "$alive" -gt $((staying / 2)) ]
}

# require_good_version: what the machine's packages brought is no version that is known to lose data.
require_good_version() {
  local from mended why version
  # shellcheck disable=SC2016 # dpkg-query expands it
  version=$(dpkg-query --showformat='${Version}' --show ceph-common 2>/dev/null | grep -oE '^[0-9]+(\.[0-9]+)*') || return 0
  while read -r from mended why; do
    if [ -z "$from" ] || is_older "$version" "$from" || ! is_older "$version" "$mended"; then continue; fi
    die "its packages of Ceph are of $version, which $why" "upgrade the machine's packages, or set cluster.ceph.packages with $mended or later; or accept it with preflight.allow: [ceph-version]"
  done <<<"$BAD_VERSIONS"
}

require_claim
exclusively ceph-host
require_good_version
require_majority
other=$(sed -n 's/^[[:space:]]*fsid[[:space:]]*=[[:space:]]*//p' /etc/ceph/ceph.conf 2>/dev/null | head -1 || true)
[ -z "$other" ] || [ "$other" = "$FSID" ] ||
  die "the machine belongs to another Ceph cluster: /etc/ceph/ceph.conf names $other, this one is $FSID" "take it out of that cluster and remove the file, then run 'pulumi up' again"
if [ ! -d "$CEPH_DATA" ] || [ -O "$CEPH_DATA" ]; then install -d -m 0750 -o ceph -g ceph "$CEPH_DATA"; fi
# Debian gives root the folder into which ceph-crash, which is not root, moves what it has reported.
[ ! -O "$CEPH_DATA/crash/posted" ] || as_ceph rmdir "$CEPH_DATA/crash/posted" 2>/dev/null || true
as_ceph mkdir -p "$CEPH_DATA"/{mon,mgr,osd,crash/posted}
for folder in "$CEPH_DATA"/{mon,mgr,osd}; do
  [ -n "$(ls -A "$folder")" ] || record "$folder"
done
install_files
finish
