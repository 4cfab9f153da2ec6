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

NODE_PATH=/api/v1/nodes/$TARGET
alive="it is not lost: to remove a machine that lives, delete its entry instead of setting lost: true; if it shall stay, take lost: true away"

forget_member() {
  local id
  healthy "$ETCD_LOCAL" ||
    die "etcd has no quorum, so that nothing can be removed from it" "bring a majority of the masters back; if they are lost too, see docs/operations.md for a cluster that lost its quorum" etcd.service
  id=$(members "$ETCD_LOCAL" | awk -v url="https://$TARGET_IP:2380" '$4 == url { print $1 }')
  [ -n "$id" ] || return 0
  ! healthy "https://$TARGET_IP:2379" || die "the etcd member of $TARGET ($TARGET_IP) answers" "$alive"
  etcdctl_at "$ETCD_LOCAL" member remove "$id" >/dev/null
  changed "removed the etcd member of $TARGET"
}

# silent: the cluster has noticed that the node's kubelet is gone; true as well when there is no such node.
silent() { api GET "$NODE_PATH" 2>/dev/null | jq -e "$READY | not" >/dev/null || ! is_node; }
is_node() { api GET "$NODE_PATH" >/dev/null 2>&1; }
# A DaemonSet's pods may tolerate everything, and belong nowhere else.
has_no_pods() { api GET "/api/v1/pods?fieldSelector=spec.nodeName=$TARGET" | jq -e 'all(.items[].metadata; any(.ownerReferences[]?; .kind == "DaemonSet"))' >/dev/null; }

require_silence() {
  local deadline=$((SECONDS + SILENT_WITHIN))
  until silent; do
    [ "$SECONDS" -lt "$deadline" ] || die "$TARGET is Ready in Kubernetes" "$alive"
    sleep 1
  done
}

forget_node() {
  is_node || return 0
  # What tells Kubernetes that the machine is off for certain: its pods and volumes are free for other nodes at once.
  api PATCH "$NODE_PATH" --header 'Content-Type: application/strategic-merge-patch+json' --data-binary \
    '{"spec": {"unschedulable": true, "taints": [{"key": "node.kubernetes.io/out-of-service", "value": "lost", "effect": "NoExecute"}]}}' >/dev/null
  local deadline=$((SECONDS + 60))
  until has_no_pods || [ "$SECONDS" -ge "$deadline" ]; do sleep 1; done
  api DELETE "$NODE_PATH" >/dev/null
  changed "deleted the Node $TARGET"
}

require_claim
exclusively "admit-$TARGET"
if etcd_has_data; then
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
