#!/usr/bin/env bash
# etcd-leave: takes this machine's member out of etcd, if the others keep their quorum; the last one just stops.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=etcd-lib.sh
. "$(dirname "$0")/etcd-lib.sh"

require_claim
exclusively etcd
if ! etcd_has_data; then
  finish
  exit 0
fi
systemctl is-active --quiet etcd.service || systemctl start etcd.service ||
  die "etcd does not start" "mend it, or mark the node lost: true" etcd.service
wait_for 30 "etcd is not healthy, so its membership cannot be changed" etcd.service healthy "$ETCD_LOCAL"

mine='' other='' voters=0 alive=0
while read -r id _ _ url learner; do
  if [ "$url" = "$ETCD_SELF" ]; then
    mine=$id
  elif [ "$learner" = false ]; then
    voters=$((voters + 1))
    if healthy "$(client_url "$url")"; then
      alive=$((alive + 1))
      other=$id
    fi
  fi
done < <(members "$ETCD_LOCAL")

if [ -n "$mine" ] && [ "$voters" -gt 0 ]; then
  [ "$alive" -gt $((voters / 2)) ] ||
    die "of the $voters members that would stay only $alive are healthy; without this one etcd would lose its quorum" "bring the others back first"
  if [ "$(etcdctl_at "$ETCD_LOCAL" endpoint status --write-out=json | jq '.[0].Status | .leader == .header.member_id')" = true ]; then
    etcdctl_at "$ETCD_LOCAL" move-leader "$other" >/dev/null
    changed "handed leadership over to $other"
  fi
  etcdctl_at "$ETCD_LOCAL" member remove "$mine" >/dev/null
  changed "left etcd"
fi
systemctl disable --quiet --now etcd.service
finish
