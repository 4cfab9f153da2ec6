#!/usr/bin/env bash
# ceph-osd-tell: the monitors know an OSD by its newest key and no other. Asked on a monitor's machine, when Ceph can do without the OSD:
# from now on it is not let in by the key that it runs with, until it is restarted with this one.
#
# Needs also: FSID, OSD_UUID, TARGET (name of the node that has it), and the text osd_key.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"
# shellcheck source=../lib/ceph-spare-lib.sh
. "$(dirname "$0")/../lib/ceph-spare-lib.sh"

require_claim
exclusively "ceph-osd-tell-$TARGET"
map=$(ceph_ask 'osd dump') || die "no monitor answers" "bring a quorum of the monitors back first"
read -r id up < <(jq -r --arg uuid "$OSD_UUID" '.osds[] | select(.uuid == $uuid) | "\(.osd) \(.up)"' <<<"$map") || id=
known=
if [ -n "$id" ]; then
  known=$(ceph_ask 'auth get' entity="osd.$id" format=plain 2>/dev/null) || [ $? -eq 2 ] ||
    die "the monitors do not say by which key they know osd.$id" "bring a quorum of the monitors back first"
fi
# One that is to come, or whose data was given up, is introduced by its own machine.
if [ -n "$known" ]; then
  wanted=$(osd_keyring "$id")
  if [[ $known != *"$wanted"* ]]; then
    [ "$up" = 0 ] || spare client.admin "$id" "is to have another key, for which it restarts"
    { echo "$wanted" && sed -n '/^\tcaps /p' <<<"$known"; } | ceph_ask 'auth import' - >/dev/null
    changed "the monitors know osd.$id by another key"
  fi
fi
finish
