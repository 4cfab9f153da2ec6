# shellcheck shell=bash
# How Kubernetes forgets a node whose machine is gone for good (TARGET). Needs lib.sh.

# A DaemonSet's pods may tolerate everything, and belong nowhere else.
has_no_pods() { api GET "/api/v1/pods?fieldSelector=spec.nodeName=$TARGET" | jq -e 'all(.items[].metadata; any(.ownerReferences[]?; .kind == "DaemonSet"))' >/dev/null; }

forget_node() {
  local node
  node=$(found "/api/v1/nodes/$TARGET")
  [ -n "$node" ] || return 0
  # What tells Kubernetes that the machine is off for certain: its pods and volumes are free for other nodes at once.
  api PATCH "/api/v1/nodes/$TARGET" --header 'Content-Type: application/strategic-merge-patch+json' --data-binary \
    '{"spec": {"unschedulable": true, "taints": [{"key": "node.kubernetes.io/out-of-service", "value": "lost", "effect": "NoExecute"}]}}' >/dev/null
  local deadline=$((SECONDS + 60))
  until has_no_pods || [ "$SECONDS" -ge "$deadline" ]; do sleep 1; done
  api DELETE "/api/v1/nodes/$TARGET" >/dev/null
  changed "deleted the Node $TARGET"
}
