#!/usr/bin/env bash
# ceph-host: what every machine of the Ceph cluster has, whatever runs on it: configuration, folders, unit settings.
# Starts nothing. Refuses a machine that carries another Ceph cluster.
#
# Needs also: FSID, and install_files.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=ceph-lib.sh
. "$(dirname "$0")/ceph-lib.sh"

require_claim
exclusively ceph-host
other=$(sed -n 's/^[[:space:]]*fsid[[:space:]]*=[[:space:]]*//p' /etc/ceph/ceph.conf 2>/dev/null | head -1 || true)
[ -z "$other" ] || [ "$other" = "$FSID" ] ||
  die "the machine belongs to another Ceph cluster: /etc/ceph/ceph.conf names $other, this one is $FSID" "take it out of that cluster and remove the file, then run 'pulumi up' again"
for folder in "$CEPH_DATA" "$CEPH_DATA"/{mon,mgr,osd,bootstrap-osd,crash,crash/posted}; do
  [ -d "$folder" ] || install -d -m 0755 -o ceph -g ceph "$folder"
  case $folder in */mon | */mgr | */osd) [ -n "$(ls -A "$folder")" ] || record "$folder" ;; esac
done
install_files
finish
