#!/usr/bin/env bash
# ceph-remove: no daemon of Ceph is left on this machine, nor its keys. Devices stay as they are.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

require_claim
exclusively ceph-host
stop_monitor
for note in "$OSD_NOTES"/*; do
  [ ! -e "$note" ] || stop_osd "${note##*/}"
done
stop_unit ceph-crash.service
pkill -KILL -u ceph || true
rm -f /etc/ceph/ceph.conf /etc/ceph/ceph.client.{bootstrap-osd,crash}.keyring
undone 'ceph-*'
