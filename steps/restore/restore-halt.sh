#!/usr/bin/env bash
# restore-halt: before a restore: nothing of this master's control plane and etcd runs, nor would after a reboot.
#
# Needs also: EPOCH (number of the restore), PEERS (addresses of masters that may be members, space separated).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"
# shellcheck source=../lib/restore-lib.sh
. "$(dirname "$0")/../lib/restore-lib.sh"

require_claim
exclusively etcd
if ! restored; then
  write_state halted "$EPOCH"
  # A master that is new has none of them yet.
  for unit in kube-scheduler kube-controller-manager groundwork-admission kube-apiserver etcd; do
    [ -e "/etc/systemd/system/$unit.service" ] || continue
    systemctl disable --quiet --now "$unit.service"
    ! systemctl is-active --quiet "$unit.service" || die "$unit.service does not stop" "see journalctl -u $unit" "$unit.service"
  done
  changed "stopped the control plane and etcd"
fi
finish
