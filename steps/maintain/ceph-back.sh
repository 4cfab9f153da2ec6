#!/usr/bin/env bash
# ceph-back: a machine of Ceph's that was restarted serves again, `noout` is taken back, and Ceph is no worse than before. Runs on a
# monitor's machine, another's where there is one.
#
# Needs also: FSID, TARGET (the node), TARGET_HOSTNAME, CLEAN_WITHIN (seconds).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"
# shellcheck source=../lib/ceph-away-lib.sh
. "$(dirname "$0")/../lib/ceph-away-lib.sh"

# daemons_are_back: its OSDs are up, and its monitor is in the quorum.
daemons_are_back() {
  local ids
  clean || [ -n "${status-}" ] || return 1
  jq -e --arg target "$TARGET" '(.monmap_names | index($target) == null) or (.quorum_names | index($target) != null)' <<<"$status" >/dev/null || return 1
  ids=$(osds)
  ceph_ask 'osd dump' | jq -e --arg ids "$ids" '($ids | split(" ")) as $own | all(.osds[] | select(.osd | tostring | IN($own[])); .up == 1)' >/dev/null
}

# as_before: all data has all its copies, and Ceph complains of nothing that it did not complain of before.
as_before() {
  clean || return 1
  words=$(jq -r --arg before "$complaints" '($before | split(" ")) as $known | [.health.checks | to_entries[] | select(.key | IN($known[]) | not) | .value.summary.message] | join("; ")' <<<"$status")
  [ -z "$words" ]
}

require_claim
exclusively "ceph-away-$TARGET"
poll "$CLEAN_WITHIN" "" daemons_are_back ||
  die "not all of Ceph's daemons on $TARGET are back within $CLEAN_WITHIN s of its restart" "see 'ceph -s' and 'ceph osd tree' on a monitor, and 'systemctl --failed' on $TARGET, then run 'pulumi up' again: it waits for them, and goes on"
complaints=$(ceph_ask 'config-key get' key="$KEY" format=plain 2>/dev/null) || complaints=''
if [ -n "$complaints" ] && stays_in; then
  ceph_do osd unset-group noout "$HOST" >/dev/null
  changed "took back noout of $HOST"
fi
sleep "$STALE"
poll "$CLEAN_WITHIN" "" as_before ||
  die "$TARGET is back, and Ceph is worse than before it went, after $CLEAN_WITHIN s: ${words:-no monitor answers}" "see 'ceph health detail' on a monitor, then run 'pulumi up' again: it waits for it, and goes on"
if [ -n "$complaints" ]; then
  ceph_do config-key rm "$KEY" >/dev/null
  changed "$TARGET serves Ceph again"
fi
finish
