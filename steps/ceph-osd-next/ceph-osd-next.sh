#!/usr/bin/env bash
# ceph-osd-next: the key that an OSD is to have next lies beside the one that it has, and from now on it starts with the one that the
# monitors take: they are told of the next one by another machine, after which this one may restart before it has heard of it.
#
# Needs also: FSID, OSD_UUID, the text osd_key, and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

require_claim
exclusively ceph-osd
install_files
# One that is to come gets the newest key at once.
if id=$(osd_of "$OSD_UUID"); then
  keyring=/etc/ceph/ceph.osd.$id.keyring next=/etc/ceph/ceph.osd.$id.next
  if ! osd_keyring "$id" | cmp --quiet - "$keyring"; then
    # What was to be its next key before may be the one that the monitors take.
    if [ -e "$next" ] && ! osd_keyring "$id" | cmp --quiet - "$next"; then /usr/local/lib/groundwork/ceph-osd-key "$id"; fi
    echo $'[Service]\nExecStartPre=-+/usr/local/lib/groundwork/ceph-osd-key %i' | file "$(osd_choice "$id")" 0644 root:root
    enable_units "ceph-osd@$id.service"
    osd_keyring "$id" | file "$next" 0600 ceph:ceph
  fi
fi
finish
