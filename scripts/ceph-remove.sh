#!/usr/bin/env bash
# ceph-remove: no daemon of Ceph is left on this machine, nor its keys. Devices stay as they are.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=ceph-lib.sh
. "$(dirname "$0")/ceph-lib.sh"

require_claim
exclusively ceph-host
stop_monitor
for folder in "$CEPH_DATA"/osd/ceph-*; do
  [ -d "$folder" ] || continue
  stop_unit "ceph-osd@${folder##*-}.service"
  rm -rf "$folder"
done
stop_unit ceph-crash.service
rm -f "$BOOTSTRAP_KEYRING" /etc/ceph/ceph.conf /etc/ceph/ceph.client.crash.keyring
finish
