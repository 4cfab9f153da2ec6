# shellcheck shell=bash
# What the steps share that empty a node for another version of its kubelet, and fill it again. Needs lib.sh; runs on masters.

# What a Node has that an upgrade cordoned: nothing else is ever uncordoned.
CORDONED=groundwork/cordoned-for-upgrade
# Of each node that is emptied, which workloads must be available again: their paths, a line each.
# shellcheck disable=SC2034 # the steps use it
EVICTED=/var/lib/groundwork/evicted

# patch_node NODE JSON: a merge patch.
patch_node() { api PATCH "/api/v1/nodes/$1" --header 'Content-Type: application/merge-patch+json' --data-binary "$2" >/dev/null; }

# cordon NODE OBJECT: takes no more pods. One that the operator cordoned stays the operator's.
cordon() {
  ! jq -e '.spec.unschedulable' <<<"$2" >/dev/null || return 0
  patch_node "$1" '{"metadata": {"annotations": {"'$CORDONED'": "'"$VERSION"'"}}, "spec": {"unschedulable": true}}'
  changed "cordoned $1"
}

# uncordon NODE: if an upgrade cordoned it.
uncordon() {
  api GET "/api/v1/nodes/$1" | jq -e --arg key $CORDONED '.metadata.annotations | has($key)' >/dev/null || return 0
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
available() {
  local answer
  answer=$(api GET "$1" 2>/dev/null) || { jq -e '.code == 404' <<<"$answer" >/dev/null 2>&1; return; }
  jq -e '(.status.availableReplicas // 0) >= (.spec.replicas // 1)' <<<"$answer" >/dev/null
}
