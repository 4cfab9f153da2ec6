#!/usr/bin/env bash
# leave: a node that is to be restarted has no pods any more, and the cluster can spare it. Runs on a master: where the node is one, on
# itself. Nothing is left changed where it fails.
#
# Needs also: TARGET (the node), MAINTENANCE (the number in the file), DRAIN_WITHIN (seconds).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"
# shellcheck source=../lib/vacate-lib.sh
. "$(dirname "$0")/../lib/vacate-lib.sh"

CORDONED=groundwork/cordoned-for-maintenance
# Which are to run again when it is back.
DAEMONS=$EVICTED/.daemons-of-$TARGET

# refuse WHAT REMEDY: the node is not touched.
refuse() { die "$TARGET cannot be spared for maintenance $MAINTENANCE: $1" "$2; then run 'pulumi up' again. $TARGET is as it was"; }

# spare_member: without this master etcd has its quorum, where it can have one. With two, or one, nobody writes while it is away.
spare_member() {
  local id name url known
  known=$(members "$ETCD_LOCAL") || refuse "etcd does not answer on it" "bring etcd back (make status)"
  while read -r id _ name url _; do
    [ "$url" = "$ETCD_SELF" ] || healthy "$(client_url "$url")" ||
      refuse "the etcd member $name ($id, $url) is not healthy" "see 'journalctl -u etcd' there"
  done <<<"$known"
}

# bare: pods that nobody would make anew elsewhere; an eviction deletes them for good.
bare() { pods_here | jq -r '[.items[].metadata | select((.ownerReferences // []) | length == 0) | "\(.namespace)/\(.name)"] | join(", ")'; }

# volumes_are_off: what pods had mounted is let go of, but for those of DaemonSets, which stay.
volumes_are_off() {
  local staying
  staying=$(pods_here | jq -c '[.items[] | .metadata.namespace as $namespace | .spec.volumes[]?.persistentVolumeClaim.claimName | "\($namespace)/\(.)"]')
  api GET /apis/storage.k8s.io/v1/volumeattachments | jq -r --arg node "$TARGET" '.items[] | select(.spec.nodeName == $node) | .spec.source.persistentVolumeName // empty' |
    while read -r volume; do
      api GET "/api/v1/persistentvolumes/$volume" | jq -e --argjson staying "$staying" '"\(.spec.claimRef.namespace)/\(.spec.claimRef.name)" | IN($staying[])' >/dev/null || return 1
    done
}

require_claim
exclusively "admit-$TARGET"
wait_for 60 "the API server does not answer, which is to say whether $TARGET can be spared" kube-apiserver.service api_answers
[ "$TARGET" != "$NODE" ] || spare_member
node=$(api GET "/api/v1/nodes/$TARGET") || refuse "Kubernetes does not know it" "let an 'up' without maintenance end first"
jq -e "$READY" <<<"$node" >/dev/null || refuse "it is not Ready, so that its pods would not leave it" "mend it (make status)"
pods=$(bare)
[ -z "$pods" ] || refuse "these pods are of no controller that would make them anew elsewhere: $pods" "delete them"
note_workloads
daemons_here >"$DAEMONS"
cordon "$TARGET" "$node" "$MAINTENANCE"
emptied || refuse "it could not be emptied within $DRAIN_WITHIN s: $WHY" "let the budget spare a pod (more replicas, or another budget), or give pods more time in cluster.kubernetes.rollout.drain_seconds"
if ! poll 60 "" volumes_are_off; then
  uncordon "$TARGET"
  rm -f "$EVICTED/$TARGET"
  refuse "volumes of pods that left it are still attached after 60 s" "see 'kubectl get volumeattachments' and the CSI driver there"
fi
changed "emptied $TARGET"
finish
