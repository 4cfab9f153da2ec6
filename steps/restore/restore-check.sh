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

# spare: how many bytes the snapshot's copy may have. etcd's data is made of it beside it, and etcd may live on that disk, which
# a full one would stop.
spare() { df --output=avail --block-size=1 /var/lib/etcd | awk 'END { left = ($1 - 2 ^ 28) / 2; printf "%.0f", (left > 0 ? left : 0) }'; }

# unpack: the snapshot as etcd wrote it, in $SCRATCH.db.
unpack() {
  local most copied=0
  [ -s "$SNAPSHOT" ] ||
    die "there is no snapshot $SNAPSHOT; nothing was stopped" "name one of these in cluster.etcd.restore.snapshot: $(cd "${SNAPSHOT%/*}" 2>/dev/null && printf '%s ' etcd-*)"
  most=$(spare)
  {
    case $SNAPSHOT in
      *.zst) zstd -q -d <"$SNAPSHOT" ;;
      *) cat "$SNAPSHOT" ;;
    esac | head --bytes=$((most + 1)) >"$SCRATCH.db"
  } 2>"$RUN/error" || copied=$?
  [ "$(wc -c <"$SCRATCH.db")" -le "$most" ] ||
    give_up "etcd's data of $SNAPSHOT has no room on the disk, on which etcd may live; nothing was stopped" "make room for twice what the snapshot unpacks to: $(room /var/lib/etcd)"
  [ "$copied" = 0 ] ||
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
