#!/usr/bin/env bash
# approve: answers kubelets that renew their serving certificates, which Kubernetes leaves to the cluster's owner. A timer
# runs it on every master, so that certificates are renewed between one 'pulumi up' and the next. It goes by what the
# operator declared and `admit` wrote down, and does as `admit` does: a declared node's request is approved, or denied when
# it does not fit, so that it shows; anybody else's is somebody else's work and left alone.
#
# Needs also: CLIENT (PEM file it asks with).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/csr-lib.sh
. "$(dirname "$0")/../lib/csr-lib.sh"

# Whoever asks a hundred times waits for everybody else's first request.
requests=$(api GET "$CSRS?fieldSelector=spec.signerName=kubernetes.io/kubelet-serving" |
  jq -c '[.items[] | select(.status.conditions == null)] | group_by(.spec.username) | map(to_entries[]) | sort_by(.key)[].value')
[ -n "$requests" ] || exit 0
declared=$(api GET "$DECLARED" | jq -c '.data // {} | map_values(fromjson)')
printf '%s\n' "$declared" "$requests" | judge | while IFS=$'\t' read -r verdict name node reason request; do
  if [ "$verdict" = Unknown ]; then
    say "left $name alone: $node is not declared in ConfigMap kube-system/groundwork-nodes"
  elif ! answer "$name" "$request"; then
    say "$name of $node could not be answered, or another master was first; what still waits is looked at again"
  elif [ "$verdict" = Denied ]; then
    say "denied $name of $node: $reason"
  else
    say "approved $name of $node"
  fi
done
