#!/usr/bin/env bash
# expect: a node may call this machine, and then answers at an address of its own on this machine's loopback network.
#
# Needs also: TARGET (the node), TARGET_KEY (its public SSH host key), TARGET_ADDRESS (where it may answer: address:port).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/callers-lib.sh
. "$(dirname "$0")/../lib/callers-lib.sh"

require_claim
exclusively join-service
file "$CALLERS/callers.d/$TARGET" 0600 root:root <<END
restrict,port-forwarding,permitlisten="$TARGET_ADDRESS" $TARGET_KEY $TARGET
END
gather_callers
finish
