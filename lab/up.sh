#!/usr/bin/env bash
# From a bare Debian-like machine to a running cluster: lab/up.sh [CLUSTER_FILE]
# Each stage finds out by itself what is left to do; a second run takes seconds.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
require_root
cluster_file=$(realpath "${1:-$lab_source/cluster.yaml}")
[ -r "$cluster_file" ] || die "cannot read $cluster_file" "give an existing cluster file: make lab NODES=path/to/cluster.yaml"

stages=() began=$(date +%s%N)

# stage NAME COMMAND...: runs a stage, and notes how long it took.
stage() {
  local name=$1 start took
  shift
  start=$(date +%s%N)
  printf '\n== %s (at %s s)\n' "$name" $(((start - began) / 1000000000))
  "$@" || die "the stage '$name' failed" "its own words stand above; logs are in .lab/log; run 'make lab' again when it is mended"
  took=$((($(date +%s%N) - start) / 1000000))
  stages+=("$(printf '%-46s %5d.%d s' "$name" $((took / 1000)) $((took % 1000 / 100)))")
}

stage "packages and Node.js modules" "$lab_source/requirements.sh"
stage "artifacts: Kubernetes, etcd, flannel, Pulumi" "$lab_source/artifacts/build.sh"
stage "images" "$lab_source/artifacts/images.sh"
stage "mirror" "$lab_source/artifacts/mirror.sh"
stage "network" "$lab_source/network.sh" up
stage "artifact mirror and registry" "$lab_source/services.sh" start
stage "machines" "$lab_source/nodes.sh" up "$cluster_file"
stage "Pulumi plugins" "$lab_source/plugins/build.sh" "$lab/plugins"
stage "environment" "$lab_source/env.sh"
[ -z "${NODES_ONLY-}" ] || exit 0
stage "pulumi up" "$lab_source/apply.sh"

# shellcheck source=/dev/null
. "$lab/env"
printf '\n'
printf '%s\n' "${stages[@]}"
printf '%-46s %5d s\n\n' "all of it" $((($(date +%s%N) - began) / 1000000000))
[ ! -e "$KUBECONFIG" ] || kubectl get nodes -o wide
cat <<END

The cluster runs. To use it:
  . .lab/env                     pulumi, kubectl and their settings, for this shell
  kubectl get nodes
  pulumi preview                 shows no changes; edit .lab/cluster.yaml to see some
  lab/ssh master-01              a shell on a machine
  lab/node kill worker-01        cuts a machine's power; 'start' brings it back
  make lab-down                  removes everything
END
