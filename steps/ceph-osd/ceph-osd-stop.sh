#!/usr/bin/env bash
# ceph-osd-stop: the OSD of one device no longer runs here. The device keeps its data unless the file says `wipe: true`.
#
# Needs also: OSD_UUID, DEVICE, WIPE (true | false), OSD (by which its note is known).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"
# shellcheck source=../lib/ceph-device-lib.sh
. "$(dirname "$0")/../lib/ceph-device-lib.sh"

require_claim
exclusively ceph-osd
if id=$(osd_of "$OSD_UUID"); then
  stop_osd "$id"
  changed "stopped osd.$id"
fi
# What is on the device now may be somebody else's: only this very OSD is erased.
if [ "$WIPE" = true ] && [ "$(label "$BLOCK" | jq -r .osd_uuid)" = "$OSD_UUID" ]; then
  erase
  changed "erased $DEVICE"
fi
undone "ceph-osd-$OSD"
