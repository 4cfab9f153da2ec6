#!/usr/bin/env bash
# etcd: this machine is a voting member of the cluster's etcd; it joins as a learner and is promoted. Verifies and adopts
# what is there; never starts a cluster of its own.
#
# Needs also: PEERS (addresses of masters that may be members, space separated), READS (see files_of),
# EPOCH (number of the restore that the file asks for; unset: none), and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"
# shellcheck source=../lib/programs-lib.sh
. "$(dirname "$0")/../lib/programs-lib.sh"

# others_are_settled ENDPOINT: every other member is a healthy voter, or never came: etcd takes one change at a time.
others_are_settled() {
  local id status url learner
  while read -r id status _ url learner; do
    if [ "$url" = "$ETCD_SELF" ] || { [ "$status" != started ] && is_awaited "$1" "$id"; }; then continue; fi
    if [ "$status" != started ] || [ "$learner" = true ]; then
      say "member $id ($url) is $status, learner $learner"
      return 1
    fi
    healthy "$(client_url "$url")" || return 1
  done < <(members "$1")
  wait $!
}

# add_learner ENDPOINT: an answer may get lost; the next one is that the member exists.
add_learner() {
  local answer
  answer=$(etcdctl_at "$1" member add "$NODE" --learner --peer-urls="$ETCD_SELF" 2>&1) || [[ $answer == *'Peer URLs already exists'* ]]
}

# take_place ENDPOINT: whether one was kept for this machine at etcd's birth; from now on it is not. An answer that gets lost
# costs the place.
take_place() {
  local id
  id=$(id_of "$1" "$ETCD_SELF")
  [ -n "$id" ] && etcdctl_at "$1" del "$AWAITED/$id" --write-out=json | jq -e '.deleted == 1' >/dev/null
}

# make_place ENDPOINT
make_place() {
  local id status url
  wait_for 120 "the other members of etcd are not all healthy voters: $(members "$1" | tr '\n' ';')" "" others_are_settled "$1"
  # Who never came, and is no master any more. And a former life of this machine, or a join that was cut short: its data is not here.
  while read -r id status _ url _; do
    [ "$url" = "$ETCD_SELF" ] || { [ "$status" != started ] && ! is_master "$url"; } || continue
    remove_member "$1" "$id"
    changed "removed the former member $id ($url)"
  done < <(members "$1")
  wait $!
  # etcd refuses for five seconds after a member came ("unhealthy cluster"): it wants to have seen all of them that long.
  wait_for 60 "etcd at $1 refused the new learner for 60 s; see 'etcdctl member list' there" "" add_learner "$1"
}

# is_master PEER_URL: by what the file said when this machine came.
is_master() {
  local peer
  for peer in $PEERS; do [ "$1" != "https://$peer:2380" ] || return 0; done
  return 1
}

join() {
  local peer
  peer=$(live_peer) || die "no other master's etcd answers (tried: ${PEERS:-none}), and this machine has no data of its own" \
    "bring one of them back, or restore from a snapshot; a second, empty cluster is never started (docs/troubleshooting.md)"
  systemctl stop etcd.service 2>/dev/null || true
  take_place "$peer" || make_place "$peer"
  changed "joined etcd as a learner"
  # A member that has not started has no name yet. etcd compares the URLs alone, and looks for its own name.
  install_initial "$(members "$peer" | awk -v me="$NODE" -v own="$ETCD_SELF" '
    { printf "%s%s=%s", (NR > 1 ? "," : ""), ($4 == own ? me : $3 == "-" ? $1 : $3), $4 }')" existing
}

# heard_out: it serves, or has had the leader's data for a second and still does not: it is SILENT.
heard_out() {
  SILENT=
  ! healthy "$ETCD_LOCAL" '?serializable=true' 0.5 || return 0
  SILENT=$(find /var/lib/etcd/member/snap -name '*.snap' ! -newermt '1 second ago')
  [ -n "$SILENT" ]
}

is_voter() { members "$ETCD_LOCAL" 2>/dev/null | awk -v url="$ETCD_SELF" '$4 == url && $2 == "started" && $5 == "false" { found = 1 } END { exit !found }'; }

# promote: asks the others until they find the learner in sync; an error is no answer, the member list is.
promote() {
  local peer
  peer=$(live_peer) || return 1
  etcdctl_at "$peer" member promote "$(id_of "$peer" "$ETCD_SELF")" || is_voter
}

# is_of_nobody ENDPOINT: no member is this machine's, or one that has never started: what lies here is not its. Where nobody
# answers to that, nothing is known.
is_of_nobody() {
  local all id
  all=$(members "$1") || return 1
  id=$(awk -v url="$ETCD_SELF" '$4 == url { print $1 }' <<<"$all")
  [ -z "$id" ] || is_awaited "$1" "$id"
}

require_claim
exclusively etcd

if etcd_has_data && peer=$(live_peer) && is_of_nobody "$peer"; then
  systemctl stop etcd.service 2>/dev/null || true
  put_aside
elif [ -n "${EPOCH-}" ] && [ -z "${peer-}" ] && [ "$(cat "$STATE/halted" 2>/dev/null)" = "$EPOCH" ] && [ "$(cat "$STATE/restored" 2>/dev/null)" != "$EPOCH" ] && etcd_has_data; then
  die "the etcd that was restored does not answer (tried: $PEERS), and what lies here is what was before" "see journalctl -u etcd on the master that it was restored on, then run 'pulumi up' again"
fi
NEW=
etcd_has_data || { join; NEW=1; }
# Of a member without data nothing may come back: what it read in a former life could make it a cluster of its own.
[ -n "$NEW" ] || undo_on_failure
install_beside etcd.service

enable_units etcd.service
# shellcheck disable=SC2046 # a list
if systemctl is-active --quiet etcd.service && stale etcd.service $(files_of etcd.service); then
  wait_for 60 "etcd must restart, but the other members are not all healthy" etcd.service others_are_settled "$ETCD_LOCAL"
fi
run_service etcd.service
# A learner serves nobody until its own name went through the leader. If it says it while it takes over the leader's data,
# etcd forgets it with the connections it then renews, and says it again after seven seconds only; one that is started
# anew says it at once.
[ -z "$NEW" ] || { poll 10 "" heard_out && [ -z "$SILENT" ]; } || systemctl restart --no-block etcd.service
wait_for 60 "etcd did not start within 60 s" etcd.service started
if ! is_voter; then
  wait_for 120 "etcd's learner was not promoted within 120 s" etcd.service promote
  changed "promoted to a voting member"
fi
wait_for 30 "etcd is not healthy after its start" etcd.service healthy "$ETCD_LOCAL"
[ -s "$STATE/node-role" ] || write_state node-role master-additional
write_state etcd-member-id "$(id_of "$ETCD_LOCAL" "$ETCD_SELF")"
succeeded # what would be put back names its program
remove_unused_programs
finish
