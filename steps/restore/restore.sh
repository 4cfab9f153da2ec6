#!/usr/bin/env bash
# restore: etcd begins anew on this machine, as one member, with the data that was made of the snapshot. The other masters join
# it afterwards as any new master does. What was there before is put aside.
#
# Needs also: EPOCH (number of the restore), PEERS (addresses of masters that may be members, space separated), READS (see
# files_of), and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"
# shellcheck source=../lib/restore-lib.sh
. "$(dirname "$0")/../lib/restore-lib.sh"

# swap: the new data takes the place of the former. What was moved is not there to be moved again, so that a run that was killed
# in between goes on.
swap() {
  [ -d "$SCRATCH" ] || die "what restore-check made of the snapshot is gone ($SCRATCH)" "raise cluster.etcd.restore.epoch in the file, so that it is made again"
  [ -d "$SCRATCH/member" ] || return 0
  systemctl stop etcd.service 2>/dev/null || true
  put_aside
  mv "$SCRATCH/member" /var/lib/etcd/member
  sync /var/lib/etcd
  changed "put the restored data in place"
}

remember() { etcdctl_at "$ETCD_LOCAL" put "$RESTORED" "$EPOCH"; }

require_claim
exclusively etcd
if ! restored; then
  swap
  install_initial "$NODE=$ETCD_SELF" new
  install_files
  enable_units etcd.service
  run_service etcd.service
  wait_for 60 "etcd did not become healthy within 60 s" etcd.service healthy "$ETCD_LOCAL"
  wait_for 30 "etcd takes no writes" etcd.service remember
  write_state restored "$EPOCH"
  rm -rf "$SCRATCH"
  forget_brought
fi
finish
