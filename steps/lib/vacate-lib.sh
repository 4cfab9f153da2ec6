# shellcheck shell=bash
# What the steps share that empty a node, for another version of its kubelet or a restart, and fill it again. Needs lib.sh; runs
# on masters.

# What a Node has that an upgrade cordoned (maintenance has a mark of its own): nothing else is ever uncordoned.
CORDONED=groundwork/cordoned-for-upgrade
# Of each node that is emptied, which workloads must be available again: their paths, a line each.
# shellcheck disable=SC2034 # the steps use it
EVICTED=/var/lib/groundwork/evicted

# patch_node NODE JSON: a merge patch.
patch_node() { api PATCH "/api/v1/nodes/$1" --header 'Content-Type: application/merge-patch+json' --data-binary "$2" >/dev/null; }

# cordon NODE OBJECT [WHY]: takes no more pods. One that the operator cordoned stays the operator's.
cordon() {
  ! jq -e '.spec.unschedulable' <<<"$2" >/dev/null || return 0
  patch_node "$1" '{"metadata": {"annotations": {"'$CORDONED'": "'"${3-$VERSION}"'"}}, "spec": {"unschedulable": true}}'
  changed "cordoned $1"
}

# uncordon NODE: if we cordoned it.
uncordon() {
  local node
  node=$(found "/api/v1/nodes/$1") || die "the API server does not say whether $1 is cordoned" "see 'journalctl -u kube-apiserver' here; then run 'pulumi up' again, which has it take pods again"
  jq -e --arg key $CORDONED '.metadata.annotations // {} | has($key)' <<<"${node:-null}" >/dev/null || return 0
  patch_node "$1" '{"metadata": {"annotations": {"'$CORDONED'": null}}, "spec": {"unschedulable": null}}'
  changed "uncordoned $1"
}

# minor VERSION: 36 of 1.36.3 or v1.36.3.
minor() {
  local rest=${1#*.}
  echo "${rest%%.*}"
}

# must_be_empty VERSION: whether a kubelet of VERSION is not replaced by one of $VERSION beside pods. Upstream forbids it for
# another minor version.
must_be_empty() { [ "$1" != "$VERSION" ] && { [ "$DRAIN" = always ] || [ "$(minor "$1")" != "$(minor "$VERSION")" ]; }; }

# pods_here: those on TARGET that have not ended.
pods_here() { api GET "/api/v1/pods?fieldSelector=spec.nodeName=$TARGET,status.phase!=Succeeded,status.phase!=Failed"; }

# available PATH: whether a ReplicaSet or StatefulSet has as many available pods as it should; true as well when it is gone.
# Fails with 2 where the API does not say.
available() {
  local workload
  workload=$(found "$1") || return 2
  [ -z "$workload" ] || jq -e '(.status.availableReplicas // 0) >= (.spec.replicas // 1)' <<<"$workload" >/dev/null
}

# note_workloads: those with pods here that are as available as they should be; a run that was killed may have noted them.
note_workloads() {
  local path
  [ ! -e "$EVICTED/$TARGET" ] || return 0
  install -d -m 0700 /var/lib/groundwork "$EVICTED"
  pods_here | jq -r '.items[].metadata | .namespace as $namespace | .ownerReferences[]? | {ReplicaSet: "replicasets", StatefulSet: "statefulsets"}[.kind] as $kind
      | select($kind) | "/apis/apps/v1/namespaces/\($namespace)/\($kind)/\(.name)"' | sort -u |
    while read -r path; do
      if available "$path"; then echo "$path"; else [ $? -eq 1 ] || die "the API server does not say whether ${path#/apis/apps/v1/} is available" "see 'journalctl -u kube-apiserver' here; then run 'pulumi up' again"; fi
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

# daemons_here: the DaemonSets that have a pod here that is Ready: namespace and name, a line each.
daemons_here() {
  pods_here | jq -r '.items[] | select(any(.status.conditions[]?; .type == "Ready" and .status == "True"))
    | .metadata.namespace as $namespace | .metadata.ownerReferences[]? | select(.kind == "DaemonSet") | "\($namespace)/\(.name)"' | sort -u
}

# emptied: TARGET, which is cordoned, has none but the pods of DaemonSets within DRAIN_WITHIN seconds. Else it takes pods again,
# and WHY says which did not leave it.
emptied() {
  if KUBECONFIG=/etc/kubernetes/admin.conf kubectl drain "$TARGET" --ignore-daemonsets --delete-emptydir-data --timeout="${DRAIN_WITHIN}s" >"$RUN/drain-$TARGET" 2>&1; then
    rm -f "$RUN/drain-$TARGET"
    return 0
  fi
  WHY=$(blocked)
  # shellcheck disable=SC2034 # the steps say it
  WHY=${WHY:-$(tail -n 3 "$RUN/drain-$TARGET" | tr '\n' ' ')}
  uncordon "$TARGET"
  rm -f "$EVICTED/$TARGET"
  return 1
}

# all_available: what TARGET was emptied of runs as it did. Leaves in `missing` the first that does not.
all_available() {
  while read -r missing; do
    available "$missing" || return 1
  done <"$EVICTED/$TARGET"
}
