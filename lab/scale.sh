#!/usr/bin/env bash
# Measures what one more worker costs in clusters of 5, 20 and 50 nodes (or: lab/scale.sh SIZE...), and writes
# docs/scale.md. Destroys the lab that runs, if one does, and leaves none: each machine takes some 0.3 GB of disk.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
"$lab_source/down.sh"
trap '"$lab_source/down.sh"' EXIT
NODES_ONLY=1 "$lab_source/up.sh" "$repo/test/e2e/clusters/pair.yaml"
# shellcheck source=/dev/null
. "$lab/env"
cd "$repo"
pulumi stack select dev --create >/dev/null
node --disable-warning=ExperimentalWarning -r ts-node/register "$lab_source/scale.ts" "$@"
