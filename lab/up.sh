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
  stages+=("$(printf '%-46s %7d.%01d s' "$name" $((took / 1000)) $((took % 1000 / 100)))")
}

pulumi_up() {
  # shellcheck source=/dev/null
  . "$lab/env"
  cd "$repo"
  pulumi stack select dev --create >/dev/null
  # What an operator killed in mid-run left: its lock on the stack, and operations whose end is not known. Every step
  # finds out by itself how far it came.
  pulumi cancel --yes >/dev/null 2>&1 || true
  pulumi up --yes --skip-preview --suppress-progress --non-interactive --parallel 32
  (umask 077 && pulumi stack output --show-secrets kubeconfig >"$KUBECONFIG.new") && mv "$KUBECONFIG.new" "$KUBECONFIG"
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
stage "pulumi up" pulumi_up

# shellcheck source=/dev/null
. "$lab/env"
printf '\n%s\n' "${stages[@]}"
printf '%-46s %7d s\n\n' "all of it" $((($(date +%s%N) - began) / 1000000000))
kubectl get nodes -o wide
cat <<END

The cluster runs. To use it:
  . .lab/env                     pulumi, kubectl and their settings, for this shell
  kubectl get nodes
  pulumi preview                 shows no changes; edit .lab/cluster.yaml to see some
  lab/ssh master-01              a shell on a machine
  lab/node kill worker-01        cuts a machine's power; 'start' brings it back
  make lab-down                  removes everything
END
