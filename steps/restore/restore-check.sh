#!/usr/bin/env bash
# restore-check: before anything is stopped: the restore may be done, and etcd's data is made of the snapshot, beside what is
# there. Nothing of the cluster changes.
#
# Needs also: EPOCH (number of the restore), SNAPSHOT (path), PEERS and LOST (addresses of masters that live and that are lost,
# space separated), DISCARD_LIVING (whether a cluster that lives may be thrown away: true or false).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"
# shellcheck source=../lib/restore-lib.sh
. "$(dirname "$0")/../lib/restore-lib.sh"

# require_end: a cluster that lives is not thrown away unasked.
require_end() {
  local peer=$ETCD_LOCAL
  healthy "$ETCD_LOCAL" || peer=$(live_peer) || return 0
  [ "$DISCARD_LIVING" = true ] ||
    die "etcd lives and has its quorum ($peer answers), and a restore would throw away all that is younger than the snapshot; nothing was stopped" \
      "if that is what you want, set cluster.etcd.restore.discard_living: true; else take cluster.etcd.restore out of the file"
}

# require_fenced: two clusters of the same name would each take writes.
require_fenced() {
  local address
  for address in $LOST; do
    ! healthy "https://$address:2379" '?serializable=true' 2 ||
      die "etcd answers on $address, whose entry says lost: true; nothing was stopped" "switch that machine off, or take lost: true away"
  done
}

# give_up WHAT REMEDY: ends the step, and leaves room on the disk: etcd may live on it.
give_up() {
  rm -rf "$SCRATCH" "$SCRATCH.db"
  die "$@"
}

# unpack: the snapshot as etcd wrote it, in $SCRATCH.db.
unpack() {
  [ -s "$SNAPSHOT" ] ||
    die "there is no snapshot $SNAPSHOT; nothing was stopped" "name one of these in cluster.etcd.restore.snapshot: $(cd "${SNAPSHOT%/*}" 2>/dev/null && printf '%s ' etcd-*)"
  case $SNAPSHOT in
    *.zst) zstd -q -f -d "$SNAPSHOT" -o "$SCRATCH.db" ;;
    *) cp "$SNAPSHOT" "$SCRATCH.db" ;;
  esac 2>"$RUN/error" ||
    give_up "$SNAPSHOT cannot be unpacked: $(tail -n 1 "$RUN/error"); nothing was stopped" "take another snapshot, or make room: $(room /var/lib/etcd)"
}

# make_data: etcd reads the snapshot and compares its checksum. Revisions go on far behind all that clients may have seen, and
# older ones count as compacted: else they would keep what is not there any more.
make_data() {
  etcdutl snapshot restore "$SCRATCH.db" --data-dir "$SCRATCH" --bump-revision 1000000000 --mark-compacted \
    --name "$NODE" --initial-cluster "$NODE=$ETCD_SELF" --initial-advertise-peer-urls "$ETCD_SELF" \
    --initial-cluster-token "$CLUSTER_ID-$EPOCH" >"$RUN/etcdutl.log" 2>&1 ||
    give_up "$SNAPSHOT is no whole snapshot of etcd: $(tail -n 1 "$RUN/etcdutl.log"); nothing was stopped" "take another snapshot; its name and its length may tell whether it was copied whole"
  rm -f "$SCRATCH.db"
  chown -R etcd:etcd "$SCRATCH"
  changed "made etcd's data of $SNAPSHOT"
}

require_claim
exclusively etcd
if ! restored; then
  require_end
  require_fenced
  record_in /var/lib/etcd member "restore-$EPOCH"
  install -d -m 0700 -o etcd -g etcd /var/lib/etcd
  rm -rf "$SCRATCH" "$SCRATCH.db"
  unpack
  make_data
fi
finish
