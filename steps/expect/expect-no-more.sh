#!/usr/bin/env bash
# expect-no-more: a node is let in no more, and is cut off if it is connected.
#
# Needs also: TARGET, TARGET_ADDRESS.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/callers-lib.sh
. "$(dirname "$0")/../lib/callers-lib.sh"

require_claim
exclusively join-service
if [ -e "$CALLERS/callers.d/$TARGET" ]; then
  rm -f "$CALLERS/callers.d/$TARGET"
  gather_callers
  changed "expects $TARGET no more"
fi
# The one process that listens there is the connection.
ss -Hltnp "src $TARGET_ADDRESS" | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | while read -r pid; do kill "$pid" || true; done
finish
