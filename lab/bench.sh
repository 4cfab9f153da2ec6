#!/usr/bin/env bash
# Measures a first 'pulumi up' on bare machines, artifacts built and machines booted, without Ceph and with it, and
# writes docs/performance.md. Destroys the lab that runs, if one does.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# measure FILE ARGUMENT...: what bench.ts says of a first 'pulumi up' of FILE.
measure() {
  local file=$1
  shift
  {
    "$lab_source/down.sh"
    NODES_ONLY=1 "$lab_source/up.sh" "$file"
    # shellcheck source=/dev/null
    . "$lab/env"
    pulumi stack select dev --create
    # As an operator does. It leaves compiled code for the program's next start.
    pulumi preview
  } >&2
  node --disable-warning=ExperimentalWarning -r ts-node/register "$lab_source/bench.ts" "$@"
}

cd "$repo"
bare=$(measure test/e2e/clusters/kubernetes.yaml --ready)
measure lab/cluster.yaml --beside "$bare"
