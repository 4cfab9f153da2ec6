#!/usr/bin/env bash
# dismiss: takes one node out of Kubernetes, from a master: cordon, drain within a time limit, delete the Node.
#
# Needs also: TARGET, TOKEN_ID, DRAIN_WITHIN (seconds).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/declared-lib.sh
. "$(dirname "$0")/../lib/declared-lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"

PEERS='' # its own etcd knows the others
export KUBECONFIG=/etc/kubernetes/admin.conf
require_claim
exclusively "admit-$TARGET"
# A master that etcd cannot spare is refused before its pods go.
if [ "$TARGET" = "$NODE" ] && etcd_has_data; then require_spare; fi
node=$(found "/api/v1/nodes/$TARGET")
if [ -n "$node" ]; then
  kubectl drain "$TARGET" --ignore-daemonsets --delete-emptydir-data --force --timeout="${DRAIN_WITHIN}s" >&2 ||
    die "$TARGET could not be drained within $DRAIN_WITHIN s" "a PodDisruptionBudget may forbid it; see 'kubectl get pdb -A', make room, and run 'pulumi up' again"
fi
# Before its Node goes, which its kubelet, that still runs, would make anew.
undeclare_target
if [ -n "$node" ]; then
  kubectl delete node "$TARGET" --ignore-not-found >&2
  changed "drained and deleted $TARGET"
fi
kubectl --namespace kube-system delete secret "bootstrap-token-$TOKEN_ID" --ignore-not-found >&2
finish
