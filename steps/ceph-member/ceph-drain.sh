#!/usr/bin/env bash
# ceph-drain: takes one OSD out of the cluster from a monitor's machine, also when its own machine is gone: out, wait
# until every object is safe without it, stop, purge.
#
# Needs also: FSID, OSD_UUID, TARGET (name of the node that has it), TARGET_HOSTNAME, DRAIN_WITHIN (seconds).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

# state: what the OSD map says of the OSD, as one JSON object; empty when it is not in it.
state() { ceph_ask 'osd dump' | jq -c --arg uuid "$OSD_UUID" '.osds[] | select(.uuid == $uuid)'; }
is_down() { state | jq -e '.up == 0'; }

require_claim
exclusively "ceph-drain-$TARGET"
osd=$(state) || die "the Ceph cluster does not answer" "bring a quorum of the monitors back first"
if [ -z "$osd" ]; then
  finish
  exit 0
fi
id=$(jq .osd <<<"$osd")
if jq -e '.in == 1' <<<"$osd" >/dev/null; then
  ceph_do osd out "$id" >/dev/null
  changed "osd.$id of $TARGET is out; its data moves to the others"
fi
until reason=$(ceph_do osd safe-to-destroy "$id" 2>&1); do
  [ "$SECONDS" -lt "$DRAIN_WITHIN" ] ||
    die "osd.$id is not safe to destroy after $DRAIN_WITHIN s: $(tail -n 1 <<<"$reason")" "the others may lack room, or there are fewer hosts than a pool has copies; see 'ceph -s'. 'ceph osd in $id' puts it back; 'pulumi up' goes on waiting"
  sleep 2
done
ceph_do osd stop "$id" >/dev/null
wait_for 60 "osd.$id does not stop" "" is_down
ceph_do osd purge "$id" --yes-i-really-mean-it >/dev/null
changed "purged osd.$id"
# The host's entry goes with its last OSD; until then Ceph refuses.
ceph_do osd crush rm "$(crush_host "$TARGET_HOSTNAME")" >/dev/null 2>&1 || true
finish
