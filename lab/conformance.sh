#!/usr/bin/env bash
# Runs Kubernetes' own conformance tests on the lab's cluster, of the version that it runs: lab/conformance.sh [FOCUS]
#
# FOCUS is a regular expression of tests' names; without it, all of what a node, its volumes and its network are asked for.
set -euo pipefail
shopt -s inherit_errexit

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/artifacts/recipes.sh"
require_root
focus=${1:-'\[sig-(storage|network|node)\].*\[Conformance\]'}
[ -e "$lab/kubeconfig" ] || die "no cluster runs" "make lab"

# What is left out, and why.
declare -A left_out=(
  ['\[Serial\]']="they want a cluster of their own"
  ['\[Slow\]']="they take minutes each"
  ['ImageVolume']="images as volumes need containerd 2.1, and the lab's machines have Debian's 1.7"
)

main() {
  local programs images reason version arguments=()
  version=$(pinned kubernetes k8s.io/kubernetes)
  [ "$(pinned conformance k8s.io/kubernetes)" = "$version" ] ||
    die "lab/artifacts/conformance/go.mod requires other tests than Kubernetes $version has" "require the same k8s.io/kubernetes as lab/artifacts/kubernetes/go.mod does"
  programs=$("$lab_source/artifacts/build.sh" --print conformance)
  images=$("$lab_source/artifacts/conformance.sh" --print)
  "$lab_source/services.sh" push <<<"$images"
  for reason in "${!left_out[@]}"; do
    echo "left out: $reason: ${left_out[$reason]}"
    arguments+=(--skip="$reason")
  done
  # shellcheck source=/dev/null
  . "$lab/env"
  "$programs/ginkgo" run --procs=4 --timeout=40m --no-color --silence-skips --fail-on-empty \
    --focus="$focus" "${arguments[@]}" --json-report=conformance.json --output-dir="$lab/log" "$programs/e2e.test" -- \
    --kubeconfig="$KUBECONFIG" --provider=skeleton --disable-log-dump
}

main
