#!/usr/bin/env bash
# genesis: the etcd cluster is born, once, as one member on this machine. Adopts what it finds; never makes a second cluster.
#
# Needs also: PEERS (addresses of the masters, space separated), READS (see files_of), and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"

require_claim
exclusively etcd
if ! etcd_has_data; then
  for peer in $PEERS; do
    if healthy "https://$peer:2379"; then
      say "the cluster lives already: $peer is a member"
      finish
      exit 0
    fi
  done
  install_initial "$NODE=$ETCD_SELF" new
fi
install_files
enable_units etcd.service
run_service etcd.service
wait_for 60 "etcd did not become healthy within 60 s" etcd.service healthy "$ETCD_LOCAL"
write_state node-role master-first
[ "$(cat "$STATE/bootstrap-state" 2>/dev/null)" = joined ] || write_state bootstrap-state bootstrapped
finish
