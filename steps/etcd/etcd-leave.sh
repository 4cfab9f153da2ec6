#!/usr/bin/env bash
# etcd-leave: takes this machine's member out of etcd, if the others keep their quorum. May have been cut short before.
#
# Needs also: PEERS (addresses of masters that may be members, space separated).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"

# leave: by way of another member, as one that removes itself may not live to say so.
leave() {
  [ -n "$MINE" ] || return 0
  # While its etcd lives an API server ends at once, and its clients go to the others.
  systemctl disable --quiet --now kube-apiserver.service kube-controller-manager.service kube-scheduler.service 2>/dev/null || true
  if healthy "$ETCD_LOCAL" && [ "$(etcdctl_at "$ETCD_LOCAL" endpoint status --write-out=json | jq '.[0].Status | .leader == .header.member_id')" = true ]; then
    etcdctl_at "$ETCD_LOCAL" move-leader "$HEIR" >/dev/null
    changed "handed leadership over to $HEIR"
  fi
  etcdctl_at "$PEER" member remove "$MINE" >/dev/null
  changed "left etcd"
}

require_claim
exclusively etcd
if etcd_has_data; then
  require_spare
  [ -z "$PEER" ] || leave
  systemctl disable --quiet --now etcd.service
fi
undone etcd
