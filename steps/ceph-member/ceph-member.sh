#!/usr/bin/env bash
# ceph-member: the cluster, asked on a monitor's machine, sees the OSD up.
#
# Needs also: FSID, OSD_UUID, TARGET (name of the node that has it).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

is_member() { ceph_ask 'osd dump' | jq -e --arg uuid "$OSD_UUID" '.osds[] | select(.uuid == $uuid) | .up == 1'; }

require_claim
wait_for 60 "the cluster does not see the OSD of $TARGET ($OSD_UUID) up" "ceph-osd@*" is_member
finish
