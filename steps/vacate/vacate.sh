#!/usr/bin/env bash
# vacate: empties a node before its kubelet is replaced by one of another minor version, or of any other where the file asks for
# it. Runs on a master just before the node's kubelet step. Pods leave by eviction, as their budgets allow it.
#
# Needs also: TARGET (the node), VERSION (of Kubernetes, which it gets), DRAIN (minor | always), DRAIN_WITHIN (seconds).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/vacate-lib.sh
. "$(dirname "$0")/../lib/vacate-lib.sh"

export KUBECONFIG=/etc/kubernetes/admin.conf

# note_workloads: those with pods here that are as available as they should be; a run that was killed may have noted them.
note_workloads() {
  local path
  [ ! -e "$EVICTED/$TARGET" ] || return 0
  install -d -m 0700 /var/lib/groundwork "$EVICTED"
  pods_here | jq -r '.items[].metadata | .namespace as $namespace | .ownerReferences[]? | {ReplicaSet: "replicasets", StatefulSet: "statefulsets"}[.kind] as $kind
      | select($kind) | "/apis/apps/v1/namespaces/\($namespace)/\($kind)/\(.name)"' | sort -u |
    while read -r path; do
      ! available "$path" || echo "$path"
    done >"$EVICTED/.$TARGET.new"
  mv "$EVICTED/.$TARGET.new" "$EVICTED/$TARGET"
}

# blocked: why pods are still here, in words: each with what the API server says of its eviction, which names the budget.
blocked() {
  local namespace pod answer
  pods_here | jq -r '.items[] | select(any(.metadata.ownerReferences[]?; .kind == "DaemonSet" or .kind == "Node") | not) | .metadata | "\(.namespace) \(.name)"' | head -n 5 |
    while read -r namespace pod; do
      answer=$(jq -n --arg namespace "$namespace" --arg pod "$pod" '{apiVersion: "policy/v1", kind: "Eviction", metadata: {$namespace, name: $pod}}' |
        api POST "/api/v1/namespaces/$namespace/pods/$pod/eviction?dryRun=All" --retry 0 --header 'Content-Type: application/json' --data-binary @- 2>/dev/null) || true
      printf '%s/%s: %s; ' "$namespace" "$pod" \
        "$(jq -r 'if .status == "Success" then "it has not ended yet" else ([.details.causes[]?.message] | join(", ")) as $why | if $why == "" then .message else $why end end' <<<"$answer" 2>/dev/null)"
    done
}

require_claim
exclusively "admit-$TARGET"
node=$(api GET "/api/v1/nodes/$TARGET" 2>/dev/null) || { finish; exit 0; }
running=$(jq -r '.status.nodeInfo.kubeletVersion | ltrimstr("v") | sub("[+-].*"; "")' <<<"$node")
# The pods of a node that is not Ready do not leave it.
if ! must_be_empty "$running" || ! jq -e "$READY" <<<"$node" >/dev/null; then
  finish
  exit 0
fi
note_workloads
cordon "$TARGET" "$node"
if ! kubectl drain "$TARGET" --ignore-daemonsets --delete-emptydir-data --timeout="${DRAIN_WITHIN}s" >"$RUN/drain-$TARGET" 2>&1; then
  why=$(blocked)
  uncordon "$TARGET"
  rm -f "$EVICTED/$TARGET"
  die "$TARGET could not be emptied within $DRAIN_WITHIN s for Kubernetes $VERSION (it runs $running): ${why:-$(tail -n 3 "$RUN/drain-$TARGET" | tr '\n' ' ')}" \
    "let the budget spare a pod (more replicas, or another budget), or give pods more time in cluster.kubernetes.rollout.drain_seconds; then run 'pulumi up' again, which goes on here. $TARGET takes pods again, and runs $running as before"
fi
rm -f "$RUN/drain-$TARGET"
changed "emptied $TARGET, which runs $running"
finish
