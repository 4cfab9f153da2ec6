#!/usr/bin/env bash
# ceph-keys: the keys this machine's Ceph daemons prove themselves with. All of it travels on standard input.
#
# Needs also: FSID, and install_files; optional: what renew_users takes.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

require_claim
exclusively ceph-host
# One that does not run is started later, and tells then.
if systemctl is-active --quiet "$MON_UNIT"; then renew_users; fi
install_files
forget_keys "$CEPH_DATA/bootstrap-osd/ceph.keyring"
# Tells the cluster of daemons that crashed.
enable_units ceph-crash.service
run_unit ceph-crash.service /etc/ceph/ceph.client.crash.keyring /etc/systemd/system/ceph-crash.service.d/groundwork.conf
finish
