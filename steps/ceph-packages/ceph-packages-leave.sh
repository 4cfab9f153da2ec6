#!/usr/bin/env bash
# ceph-packages-leave: apt knows the repository of Ceph's packages no more. What is installed stays: Ceph goes back to no older version.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

require_claim
exclusively prepare
rm -f "$CEPH_SOURCE" "$CEPH_PIN" "$CEPH_KEY"
changed "took back the repository of Ceph's packages; Ceph stays $(cat "$CEPH_INSTALLED" 2>/dev/null || echo "as it is") until the distribution has a newer one"
rm -f "$CEPH_INSTALLED"
undone ceph-packages
