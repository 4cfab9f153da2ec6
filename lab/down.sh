#!/usr/bin/env bash
# Removes the lab and every trace of it, also of one that was killed. Caches outside the clone stay.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
require_root
"$lab_source/nodes.sh" down
"$lab_source/services.sh" stop
"$lab_source/network.sh" down
rm -rf "$lab"
echo "the lab is gone; built artifacts stay in ${XDG_CACHE_HOME:-$HOME/.cache}/groundwork"
