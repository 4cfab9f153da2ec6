#!/usr/bin/env bash
# etcd-leave: takes this machine's member out of etcd, if the others keep their quorum. May have been cut short before.
#
# Needs also: PEERS (addresses of masters that may be members, space separated).
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=etcd-lib.sh
. "$(dirname "$0")/etcd-lib.sh"

# leave PEER: by way of another member, as one that removes itself may not live to say so.
leave() {
  local peer=$1 id mine='' heir='' voters=0 alive=0 url learner
  while read -r id _ _ url learner; do
    if [ "$url" = "$ETCD_SELF" ]; then
      mine=$id
    elif [ "$learner" = false ]; then
      voters=$((voters + 1))
      if healthy "$(client_url "$url")"; then
        alive=$((alive + 1))
        heir=$id
      fi
    fi
  done < <(members "$peer")
  [ -n "$mine" ] || return 0
  [ "$alive" -gt $((voters / 2)) ] ||
    die "of the $voters members that would stay only $alive are healthy; without this one etcd would lose its quorum" "bring the others back first"
  # While its etcd lives an API server ends at once, and its clients go to the others.
  systemctl disable --quiet --now kube-apiserver.service kube-controller-manager.service kube-scheduler.service 2>/dev/null || true
  if healthy "$ETCD_LOCAL" && [ "$(etcdctl_at "$ETCD_LOCAL" endpoint status --write-out=json | jq '.[0].Status | .leader == .header.member_id')" = true ]; then
    etcdctl_at "$ETCD_LOCAL" move-leader "$heir" >/dev/null
    changed "handed leadership over to $heir"
  fi
  etcdctl_at "$peer" member remove "$mine" >/dev/null
  changed "left etcd"
}

require_claim
exclusively etcd
if etcd_has_data; then
  if peer=$(live_peer); then
    leave "$peer"
  elif ! healthy "$ETCD_LOCAL" || [ "$(members "$ETCD_LOCAL" | wc -l)" -gt 1 ]; then
    die "no other member of etcd answers; without this one nothing would be left of the cluster" "bring the others back first"
  fi
  systemctl disable --quiet --now etcd.service
fi
finish
