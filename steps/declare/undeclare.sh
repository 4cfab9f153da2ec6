#!/usr/bin/env bash
# undeclare: a node whose machine is not managed leaves. Runs on a master: the node renews nothing from now on, its ticket is good
# for nothing, its pods go elsewhere as long as it lives, and its Node is deleted and cannot be made anew.
#
# Needs also: TARGET, DRAIN_WITHIN (seconds).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/declared-lib.sh
. "$(dirname "$0")/../lib/declared-lib.sh"

TICKETS=/api/v1/namespaces/kube-system/configmaps/groundwork-tickets
export KUBECONFIG=/etc/kubernetes/admin.conf

require_claim
exclusively "admit-$TARGET"
known=$(recorded) || die "$untold" "see whether etcd and the API server are well (make status), then run 'pulumi up' again"
# By now the name may be that of a node that is managed.
if ! jq -e '. == {} or .managed == false' <<<"$known" >/dev/null; then
  finish
  exit 0
fi
undeclare_target
if tickets=$(api GET "$TICKETS" 2>/dev/null) && ticket=$(jq -er --arg node "$TARGET" '.data[$node] // empty' <<<"$tickets"); then
  jq -n --arg node "$TARGET" '{data: {($node): null}}' |
    api PATCH "$TICKETS" --header 'Content-Type: application/merge-patch+json' --data-binary @- >/dev/null
  kubectl --namespace kube-system delete secret "bootstrap-token-$(jq -r .token <<<"$ticket")" --ignore-not-found >&2
fi
if node=$(api GET "/api/v1/nodes/$TARGET" 2>/dev/null); then
  # Whoever does not answer lets no pod go: a drain would wait in vain.
  if jq -e "$READY" <<<"$node" >/dev/null; then
    kubectl drain "$TARGET" --ignore-daemonsets --delete-emptydir-data --force --timeout="${DRAIN_WITHIN}s" >&2 ||
      die "$TARGET could not be drained within $DRAIN_WITHIN s" "a PodDisruptionBudget may forbid it; see 'kubectl get pdb -A', make room, and run 'pulumi up' again"
  fi
  kubectl delete node "$TARGET" --ignore-not-found >&2
  changed "deleted $TARGET"
fi
finish
