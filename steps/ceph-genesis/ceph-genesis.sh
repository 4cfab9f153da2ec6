#!/usr/bin/env bash
# ceph-genesis: the Ceph cluster is born, once, as one monitor on this machine that knows all keys of the program.
# Adopts what it finds; never makes a second cluster.
#
# Needs also: FSID, PEERS (addresses of the other monitors, space separated), the texts initial_keyring and settings, and
# install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

# A closed port answers at once, which `ceph` would wait for.
listens() { timeout 2 bash -c "</dev/tcp/$1/3300" 2>/dev/null; }

require_claim
exclusively ceph-mon
if ! mon_has_data; then
  for peer in $PEERS; do
    listens "$peer" || continue
    ceph_ask 'mon dump' >/dev/null ||
      die "a monitor listens at $peer, but the monitors have no quorum" "bring the cluster's monitors back; a second cluster is never made"
    say "the Ceph cluster lives already: $peer is a monitor"
    finish
    exit 0
  done
  birth_folder
  monmaptool --create --clobber --fsid "$FSID" --addv "$NODE" "[v2:$NODE_IP:3300]" "$CEPH_BIRTH/monmap" >/dev/null
  initial_keyring >"$CEPH_BIRTH/keyring"
  make_monitor
  changed "made the first monitor of Ceph cluster $FSID"
fi
install_files
run_monitor in_quorum
apply_settings
finish
