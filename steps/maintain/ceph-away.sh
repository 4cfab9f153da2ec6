#!/usr/bin/env bash
# ceph-away: Ceph can spare a machine for as long as it restarts, and does not move its data meanwhile. Runs on a monitor's machine,
# another's where there is one. Nothing is left changed where it fails.
#
# Needs also: FSID, TARGET (the node), TARGET_HOSTNAME, MAINTENANCE (the number in the file), CLEAN_WITHIN (seconds).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"
# shellcheck source=../lib/ceph-away-lib.sh
. "$(dirname "$0")/../lib/ceph-away-lib.sh"
# shellcheck source=../lib/ceph-spare-lib.sh
. "$(dirname "$0")/../lib/ceph-spare-lib.sh"

refuse() { die "Ceph cannot spare $TARGET for maintenance $MAINTENANCE: $1" "$2; then run 'pulumi up' again. $TARGET is as it was"; }

require_claim
exclusively "ceph-away-$TARGET"
# A manager that is gone tells of nothing until the others miss it: another takes over now.
if ceph_ask 'mgr dump' | jq -e --arg target "$TARGET" '.active_name == $target and (.standbys | length > 0)' >/dev/null; then
  ceph_do mgr fail "$TARGET" >/dev/null
  changed "had another manager take over from $TARGET"
fi
poll "$CLEAN_WITHIN" "" clean ||
  refuse "${words:-no monitor answers}" "see 'ceph -s' on a monitor; it is waited for $CLEAN_WITHIN s"
down=$(jq -r --arg target "$TARGET" '.quorum_names as $in | [.monmap_names[] | select(. != $target and (IN($in[]) | not))] | join(", ")' <<<"$status")
[ -z "$down" ] || refuse "the monitors $down are not in the quorum" "see 'journalctl -u ceph-mon@$down' there"
ids=$(osds)
if [ -n "$ids" ]; then
  # shellcheck disable=SC2086 # a list
  poll "$CLEAN_WITHIN" "" stop_is_answered client.admin $ids || true
  # shellcheck disable=SC2086 # a list
  may_stop client.admin $ids || refuse "data would not be available without osd.${ids// /, osd.}: $words" "give the pools more copies on other machines (size, min_size)"
fi
# What Ceph complained of before it complains of afterwards: that is not ours to wait for.
if ! ceph_ask 'config-key exists' key="$KEY" 2>/dev/null; then
  ceph_do config-key set "$KEY" "before$(jq -r '[.health.checks | keys[] | " " + .] | add // ""' <<<"$status")" >/dev/null
  changed "noted how Ceph was before $TARGET went"
fi
if [ -n "$ids" ] && ! stays_in; then
  ceph_do osd set-group noout "$HOST" >/dev/null
  changed "set noout of $HOST"
fi
finish
