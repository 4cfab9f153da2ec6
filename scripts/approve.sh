#!/usr/bin/env bash
# approve: answers kubelets that renew their serving certificates, which Kubernetes leaves to the cluster's owner. A timer
# runs it on every master, so that certificates are renewed between one 'pulumi up' and the next. It goes by what the
# operator declared and `admit` wrote down, and does as `admit` does: a declared node's request is approved, or denied when
# it does not fit, so that it shows; anybody else's is somebody else's work and left alone.
#
# Needs also: CLIENT (PEM file it asks with).
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=csr-lib.sh
. "$(dirname "$0")/csr-lib.sh"

requests=$(api GET "$CSRS?fieldSelector=spec.signerName=kubernetes.io/kubelet-serving" | jq -c '.items[] | select(.status.conditions == null)')
[ -n "$requests" ] || exit 0
declared=$(api GET "$DECLARED" | jq -c '.data // {} | map_values(fromjson)')
while read -r csr; do
  name=$(jq -r .metadata.name <<<"$csr")
  TARGET=$(jq -r '.spec.username | ltrimstr("system:node:")' <<<"$csr")
  read -r TARGET_IP TARGET_HOSTNAME < <(jq -r --arg node "$TARGET" '.[$node] // {} | "\(.ip // "") \(.hostname // "")"' <<<"$declared") || true
  if [ -z "$TARGET_IP" ]; then
    say "left $name alone: $TARGET is not declared in ConfigMap kube-system/groundwork-nodes"
  elif ! reason=$(answer "$csr"); then
    say "$name of $TARGET could not be answered, or another master was first; what still waits is looked at again"
  elif [ -n "$reason" ]; then
    say "denied $name of $TARGET: $reason"
  else
    say "approved $name of $TARGET"
  fi
done <<<"$requests"
