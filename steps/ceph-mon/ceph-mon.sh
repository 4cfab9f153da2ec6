#!/usr/bin/env bash
# ceph-mon: a monitor in the quorum and a manager beside it. Joins the cluster that is there, or takes up its own data
# again; never makes a cluster.
#
# Needs also: FSID, the text mon_keyring, and install_files; optional: what renew_users takes.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"
# shellcheck source=../lib/ceph-manager-lib.sh
. "$(dirname "$0")/../lib/ceph-manager-lib.sh"

# monitors_of FILE: names in a monitor map.
monitors_of() { monmaptool --print "$1" | sed -n 's/^[0-9]*: .* mon\.//p'; }

# join: a store that knows the living monitors; at its first start it asks them to take it in.
join() {
  birth_folder
  ceph_ask 'mon getmap' format=plain >"$CEPH_BIRTH/monmap" ||
    die "no monitor of the cluster gives its map, and this machine has no data of its own" "bring a quorum of the monitors back; if all of them were replaced in one run, give one of the former ones its role back until the new ones have joined. A second cluster is never made"
  mon_keyring >"$CEPH_BIRTH/keyring"
  make_monitor
  changed "made a monitor that joins Ceph cluster $FSID"
}

# put_aside_removed: a monitor that the others have removed may never come back with its old data.
put_aside_removed() {
  ! systemctl is-active --quiet "$MON_UNIT" || return 0
  birth_folder
  if ceph_ask 'mon getmap' format=plain >"$CEPH_BIRTH/monmap" 2>/dev/null && ! monitors_of "$CEPH_BIRTH/monmap" | grep -qxF "$NODE"; then
    as_ceph mv "$MON_DATA" "$CEPH_DATA/mon/removed-$(date -u +%Y%m%dT%H%M%SZ)"
    changed "put aside the data of a monitor that the cluster has removed"
  fi
  rm -rf "$CEPH_BIRTH"
}

# call_in: names this monitor in the map, so that the others call it instead of waiting for its call. One that comes back
# at an address it had before is otherwise taken for an echo of its former self by a monitor that remembers more
# connections of that one. Not where a single monitor would lose its quorum by it.
call_in() {
  local others
  CALLED=true
  others=$(ceph_ask quorum_status |
    jq --arg me "$NODE" 'if any(.monmap.mons[]; .name == $me) then 0 else .quorum | length end')
  [ "${others:-0}" -ge 2 ] || return 0
  ceph_do mon add "$NODE" "$NODE_IP:3300" >/dev/null
  changed "named mon.$NODE in the monitor map, for the others did not take it in by themselves"
}

is_taken_in() {
  in_quorum && return
  [ -n "$CALLED" ] || [ "$SECONDS" -lt "$CALL_AT" ] || call_in
  return 1
}

# introduce_manager: the cluster knows the manager's key. Neither key is ever an argument.
introduce_manager() {
  local known
  known=$(ceph_ask 'auth print-key' entity="mgr.$NODE" format=plain 2>/dev/null || true)
  [ "$known" != "$(ceph-authtool --print-key --name "mgr.$NODE" "$MGR_KEYRING")" ] || return 0
  ceph_ask 'auth import' - <"$MGR_KEYRING" >/dev/null
  changed "introduced mgr.$NODE"
}

# spare_monitor: waits until the others have a majority without this monitor, which is to restart. Of one or two nobody can have it.
spare_monitor() {
  systemctl is-active --quiet "$MON_UNIT" && stale "$MON_UNIT" "${MON_READS[@]}" || return 0
  OTHERS=0 ALL=0
  poll 60 "" majority_without ||
    die "mon.$NODE is to restart, and of the $ALL monitors only $OTHERS others are in the quorum: without it there would be none" "bring the others back ('ceph -s'), then run 'pulumi up' again, which goes on here; mon.$NODE runs as before"
}
majority_without() {
  local status
  status=$(asok "mon.$NODE" mon_status) || return
  jq -e '.state == "leader" or .state == "peon"' <<<"$status" >/dev/null || return 0
  ALL=$(jq '.monmap.mons | length' <<<"$status")
  OTHERS=$(quorum_of "$status" | grep -cvxF "$NODE") || true
  [ "$ALL" -le 2 ] || [ "$OTHERS" -gt $((ALL / 2)) ]
}

require_claim
exclusively ceph-mon
install_files
forget_keys "$CEPH_DATA/mon/keyring" "$MGR_DATA/keyring"
! mon_has_data || put_aside_removed
mon_has_data || join
spare_monitor
CALLED='' CALL_AT=$((SECONDS + 20))
run_monitor is_taken_in
renew_users
introduce_manager
start_manager "${MGR_READS[@]}"
finish
