#!/usr/bin/env bash
# vacate: empties a node before its kubelet is replaced by one of another minor version, or of any other where the file asks for
# it. Runs on a master just before the node's kubelet step. Pods leave by eviction, as their budgets allow it.
#
# Needs also: TARGET (the node), VERSION (of Kubernetes, which it gets), DRAIN (minor | always), DRAIN_WITHIN (seconds).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/vacate-lib.sh
. "$(dirname "$0")/../lib/vacate-lib.sh"

require_claim
exclusively "admit-$TARGET"
node=$(found "/api/v1/nodes/$TARGET") ||
  die "the API server does not say whether $TARGET is to be emptied before its kubelet is replaced" "see 'journalctl -u kube-apiserver' here; then run 'pulumi up' again. $TARGET is as it was"
[ -n "$node" ] || { finish; exit 0; }
running=$(jq -r '.status.nodeInfo.kubeletVersion | ltrimstr("v") | sub("[+-].*"; "")' <<<"$node")
# The pods of a node that is not Ready do not leave it.
if ! must_be_empty "$running" || ! jq -e "$READY" <<<"$node" >/dev/null; then
  finish
  exit 0
fi
note_workloads
cordon "$TARGET" "$node"
if ! emptied; then
  die "$TARGET could not be emptied within $DRAIN_WITHIN s for Kubernetes $VERSION (it runs $running): $WHY" \
    "let the budget spare a pod (more replicas, or another budget), or give pods more time in cluster.kubernetes.rollout.drain_seconds; then run 'pulumi up' again, which goes on here. $TARGET takes pods again, and runs $running as before"
fi
changed "emptied $TARGET, which runs $running"
finish
