#!/usr/bin/env bash
# ceph-keys: the keys this machine's Ceph daemons prove themselves with. All of it travels on standard input.
#
# Needs also: FSID, MANAGER (true | false), and install_files.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=ceph-lib.sh
. "$(dirname "$0")/ceph-lib.sh"

require_claim
exclusively ceph-host
# Only a monitor's machine has a manager's folder; a key must find it owned by the daemon's user.
[ "$MANAGER" != true ] || [ -d "$MGR_DATA" ] || install -d -m 0750 -o ceph -g ceph "$MGR_DATA"
install_files
# Tells the cluster of daemons that crashed.
enable_units ceph-crash.service
run_unit ceph-crash.service /etc/ceph/ceph.client.crash.keyring
finish
