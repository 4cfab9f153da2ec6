#!/usr/bin/env bash
# refill: a node whose kubelet did not get its new version takes pods again, where an upgrade cordoned it. Runs on a master just
# after the node's kubelet step failed, and put the former version back.
#
# Needs also: TARGET (the node).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/vacate-lib.sh
. "$(dirname "$0")/../lib/vacate-lib.sh"

require_claim
exclusively "admit-$TARGET"
uncordon "$TARGET"
rm -f "$EVICTED/$TARGET"
finish
