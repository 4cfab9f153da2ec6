#!/usr/bin/env bash
# genesis: the etcd cluster is born, once, as one member on this machine, with a place for each other master as a learner.
# Adopts what it finds; never makes a second cluster.
#
# Needs also: PEERS (addresses of the masters, space separated), READS (see files_of), and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"

# keep_places: while etcd has one voter it takes any number of learners at once; later it wants to have seen its members for
# five seconds before each. A machine that never starts costs no quorum. Who finds no place joins as one that comes later.
keep_places() {
  local peer url id
  for peer in $PEERS; do
    url=https://$peer:2380
    [ "$url" != "$ETCD_SELF" ] || continue
    etcdctl_at "$ETCD_LOCAL" member add "$peer" --learner --peer-urls="$url" >/dev/null 2>&1 || continue
    id=$(id_of "$ETCD_LOCAL" "$url")
    etcdctl_at "$ETCD_LOCAL" put "$AWAITED/$id" "$url" >/dev/null
    changed "keeps a place in etcd for $peer"
  done
}

# is_alone: nobody has joined yet.
is_alone() {
  local all
  all=$(members "$ETCD_LOCAL") || die "etcd does not say who is a member of it" "see 'journalctl -u etcd' here; then run 'pulumi up' again"
  awk -v me="$ETCD_SELF" '$4 != me && $2 == "started" { joined = 1 } END { exit joined }' <<<"$all"
}

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
! is_alone || keep_places
write_state node-role master-first
[ "$(cat "$STATE/bootstrap-state" 2>/dev/null)" = joined ] || write_state bootstrap-state bootstrapped
finish
