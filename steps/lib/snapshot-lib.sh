# shellcheck shell=bash
# Snapshots of etcd that a step asks for. Needs lib.sh.

FOLDER=/var/lib/groundwork/snapshots
UNIT=groundwork-snapshot

# snapshot_before WHAT: takes one on this master at once, whoever leads, if the file wants snapshots; ends the step if that fails.
snapshot_before() {
  [ -e "/etc/systemd/system/$UNIT@.service" ] || return 0
  systemctl start "$UNIT@$1.service" 2>/dev/null ||
    die "no snapshot of etcd could be taken before the $1: $(jq -r '.failure // "see the journal"' $FOLDER/state.json 2>/dev/null)" \
      "mend what it says, or set cluster.etcd.snapshots.enabled: false to go on without one; nothing was changed" "$UNIT@$1.service"
  changed "took the snapshot $(jq -r .good.name $FOLDER/state.json) before the $1"
}
