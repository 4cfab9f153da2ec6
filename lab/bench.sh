#!/usr/bin/env bash
# Measures a first 'pulumi up' on bare machines, artifacts built and machines booted, and writes docs/performance.md.
# Destroys the lab that runs, if one does.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
"$lab_source/down.sh"
NODES_ONLY=1 "$lab_source/up.sh"
# shellcheck source=/dev/null
. "$lab/env"
cd "$repo"
pulumi stack select dev --create >/dev/null
node --disable-warning=ExperimentalWarning -r ts-node/register/transpile-only "$lab_source/bench.ts"
