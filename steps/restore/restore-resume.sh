#!/usr/bin/env bash
# restore-resume: a restore that stopped this master's services and left the file before it was done: they run as before.
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
if [ -e "$STATE/halted" ]; then
  # The former members may have a quorum of their own, beside a cluster that was restored: there would be two.
  if restored && [ "$(cat "$STATE/restored" 2>/dev/null)" != "$EPOCH" ]; then
    die "etcd was restored on another master meanwhile (restore $EPOCH), and $NODE is not in it yet" "put cluster.etcd.restore with epoch: $EPOCH into the file again, and run 'pulumi up'"
  fi
  for unit in "${STOPPED[@]}"; do
    [ -e "/etc/systemd/system/$unit.service" ] || continue
    systemctl enable --quiet "$unit.service"
    systemctl start --no-block "$unit.service"
  done
  rm -f "$STATE/halted"
  changed "started etcd and the control plane again"
fi
# Of a restore that was not done there is a copy of all of etcd.
rm -rf "$SCRATCH" "$SCRATCH.db"
forget_brought
undone restore-halt
