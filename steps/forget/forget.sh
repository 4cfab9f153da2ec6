#!/usr/bin/env bash
# forget: takes a machine that is gone for good out of etcd and Kubernetes, by way of this master. Never dials its sshd.
#
# Needs also: TARGET, TARGET_IP, SILENT_WITHIN (seconds in which the cluster must have noticed that it is gone).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"
# shellcheck source=../lib/declared-lib.sh
. "$(dirname "$0")/../lib/declared-lib.sh"
# shellcheck source=../lib/gone-lib.sh
. "$(dirname "$0")/../lib/gone-lib.sh"

alive="it is not lost: to remove a machine that lives, delete its entry instead of setting lost: true; if it shall stay, take lost: true away"

forget_member() {
  local id
  healthy "$ETCD_LOCAL" ||
    die "etcd has no quorum, so that nothing can be removed from it" "bring a majority of the masters back; if they are lost too, see docs/operations.md for a cluster that lost its quorum" etcd.service
  id=$(id_of "$ETCD_LOCAL" "https://$TARGET_IP:2380")
  [ -n "$id" ] || return 0
  ! healthy "https://$TARGET_IP:2379" || die "the etcd member of $TARGET ($TARGET_IP) answers" "$alive"
  remove_member "$ETCD_LOCAL" "$id"
  changed "removed the etcd member of $TARGET"
}

# silent: the cluster has noticed that the node's kubelet is gone; true as well when there is no such node.
silent() {
  local node
  node=$(found "/api/v1/nodes/$TARGET") && { [ -z "$node" ] || jq -e "$READY | not" <<<"$node" >/dev/null; }
}

require_silence() {
  local deadline=$((SECONDS + SILENT_WITHIN))
  until silent; do
    [ "$SECONDS" -lt "$deadline" ] || die "$TARGET is Ready in Kubernetes" "$alive"
    sleep 1
  done
}

require_claim
exclusively "admit-$TARGET"
# In the midst of a restore the API is away, and what it will say is the snapshot's: restore-settle has it forget the node.
if etcd_has_data && [ ! -e "$STATE/halted" ]; then
  forget_member
  # A control plane that never answered knows no nodes.
  if [ -e "$STATE/cluster-joined" ]; then
    require_silence
    # Before its Node goes, which a kubelet that comes back would make anew.
    undeclare_target
    forget_node
  fi
fi
finish
