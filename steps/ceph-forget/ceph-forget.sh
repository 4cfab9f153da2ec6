#!/usr/bin/env bash
# ceph-forget: a node that is lost for good is no part of the Ceph cluster any more: its monitor and manager are removed,
# its OSDs purged. Runs on the machine of another monitor and never dials the lost one. Refused while anything of it
# still runs, and where it may hold the only copy of some data.
#
# Needs also: FSID, TARGET (name of the lost node), TARGET_IP; optional: TARGET_HOSTNAME (default TARGET), OSD_UUIDS
# (space separated: those of its devices, to find OSDs too that were never started).
# shellcheck disable=SC2016 # the variables are jq's own
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"
TARGET_CRUSH=$(crush_host "${TARGET_HOSTNAME:-$TARGET}")

# monitors FILTER: what FILTER makes of the quorum's status.
monitors() { ceph_ask quorum_status | jq -r --arg name "$TARGET" "$1"; }

# osds FILTER: what FILTER makes of each OSD of the lost node.
osds() {
  local placed
  # Fails where the host has no OSD that ever ran.
  placed=$(ceph_do osd ls-tree "$TARGET_CRUSH" 2>/dev/null | paste -sd,) || placed=
  ceph_ask 'osd dump' | jq -r --argjson placed "[$placed]" --arg uuids "${OSD_UUIDS-}" \
    ".osds[] | select((.osd | IN(\$placed[])) or (.uuid | IN(\$uuids | split(\" \")[]))) | $1"
}

# living: the daemons of the lost node that the others still see.
living() {
  monitors '.quorum_names[] | select(. == $name) | "mon.\(.)"' &&
    osds 'select(.up == 1) | "osd.\(.osd)"'
}

# unsure: placement groups of which a lost OSD may have had the only copy, or the latest; by state, in words.
unsure() {
  ceph_ask status | jq -r '.pgmap.pgs_by_state // [] | .[] |
    select((.state_name | test("active|peered") | not) or (.state_name | test("stale|unfound"))) | "\(.count) \(.state_name)"'
}

# settles COMMAND: waits until COMMAND prints nothing any more; what it printed last is in REST.
settles() {
  local deadline=$((SECONDS + 90))
  until REST=$("$1" | paste -sd' ') && [ -z "$REST" ]; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 1
  done
}

require_claim
exclusively "ceph-forget-$TARGET"
ceph_ask quorum_status >/dev/null ||
  die "the monitors have no quorum without $TARGET" "bring back enough of them for a majority; docs/ceph.md says what to do where that is impossible"
settles living ||
  die "$TARGET ($TARGET_IP) is not lost: $REST runs" "if it shall go, delete its entry, so that it leaves in order; if it only shall not come back, switch the machine off"
# In assignments, which end the step where Ceph does not answer.
ids=$(osds .osd)
monitor=$(monitors '.monmap.mons[] | select(.name == $name) | .name')
if [ -n "$ids" ]; then
  settles unsure ||
    die "data may be only on $TARGET ($TARGET_IP): placement groups are $REST" "bring the machine or another with the same data back. Where that is impossible, 'ceph osd lost ID --yes-i-really-mean-it' for each of its OSDs ($(paste -sd' ' <<<"$ids")) gives the data up"
  for id in $ids; do
    ceph_do osd purge "$id" --force --yes-i-really-mean-it >/dev/null
    changed "purged osd.$id of $TARGET"
  done
fi
ceph_do osd crush rm "$TARGET_CRUSH" >/dev/null 2>&1 || true
if [ -n "$monitor" ]; then
  ceph_do mon rm "$TARGET" >/dev/null
  changed "removed mon.$TARGET from the monitor map"
fi
ceph_do auth rm "mgr.$TARGET" >/dev/null 2>&1 || true
finish
