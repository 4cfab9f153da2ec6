#!/usr/bin/env bash
# ceph-mon-leave: takes this machine's monitor out of the map, if the others keep their quorum, and its manager with it.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

require_claim
exclusively ceph-mon
if ! mon_has_data; then
  stop_monitor
  undone ceph-mon
  exit 0
fi
status=$(ceph_ask quorum_status) ||
  die "the monitors have no quorum, so none of them can be removed" "bring a majority of them back first"
if jq -e --arg me "$NODE" '.monmap.mons | any(.name == $me)' <<<"$status" >/dev/null; then
  others=$(jq --arg me "$NODE" '[.monmap.mons[] | select(.name != $me)] | length' <<<"$status")
  alive=$(quorum_of "$status" | grep -cvxF "$NODE") || true
  [ "$others" -gt 0 ] ||
    die "mon.$NODE is the last monitor: without it the Ceph cluster and all its data are lost" "give another node the role ceph-mon first, or remove Ceph as a whole (docs/ceph.md)"
  [ "$alive" -gt $((others / 2)) ] ||
    die "of the $others monitors that would stay only $alive are in the quorum; without this one there would be none" "bring the others back first"
  ceph_do mon rm "$NODE" >/dev/null
  changed "removed mon.$NODE from the monitor map"
fi
stop_unit "$MGR_UNIT"
ceph_do auth rm "mgr.$NODE" >/dev/null 2>&1 || true
stop_monitor
changed "stopped the monitor and the manager"
undone ceph-mon
