#!/usr/bin/env bash
# ceph-follow: what follows the monitors when Ceph's packages have changed: the manager, where one runs here, then who reports crashes.
#
# Needs also: FSID, CEPH_VERSION (of the packages), MANAGES (true | false).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"
# shellcheck source=../lib/ceph-manager-lib.sh
. "$(dirname "$0")/../lib/ceph-manager-lib.sh"

require_claim
exclusively ceph-mon
[ "$MANAGES" != true ] || start_manager "${MGR_READS[@]}" "$CEPH_INSTALLED"
run_unit ceph-crash.service "$CEPH_INSTALLED"
wait_for 30 "ceph-crash did not start within 30 s" ceph-crash.service systemctl is-active --quiet ceph-crash.service
finish
